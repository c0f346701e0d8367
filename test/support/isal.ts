// Whether this machine has the library that makes archives fast.
import { existsSync, readdirSync } from 'node:fs';

export function isalIsThere(): boolean {
  const roots = ['/usr/lib', '/usr/local/lib'].filter((path) => existsSync(path));
  const directories = roots.flatMap((path) => [path, ...readdirSync(path).map((name) => `${path}/${name}`)]);
  return directories.some((directory) => existsSync(`${directory}/libisal.so.2`));
}
