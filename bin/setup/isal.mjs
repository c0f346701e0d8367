// libisal2: compresses archives several times as fast as Node.js itself can. A node works without it.
import { existsSync, readdirSync } from 'node:fs';
import { aptInstall, canInstall } from './apt.mjs';
import { step } from './step.mjs';

export async function ensureIsal() {
  await step('libisal2 (fast backups)', async () => {
    if (isalIsThere()) return 'already there';
    if (canInstall()) await aptInstall(['libisal2']);
    return isalIsThere() ? 'installed' : 'missing; backups work without it, more slowly';
  });
}

export function isalIsThere() {
  const libraries = ['/usr/lib', '/usr/local/lib'].filter((path) => existsSync(path));
  const directories = libraries.flatMap((path) => [path, ...readdirSync(path).map((name) => `${path}/${name}`)]);
  return directories.some((directory) => existsSync(`${directory}/libisal.so.2`));
}
