// Plans for archive jobs with everything that a test does not care about filled in.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CreatePlan } from '../../src/archive/plan.ts';

export const serverUuid = '11111111-1111-4111-8111-111111111111';
export const backupUuid = '22222222-2222-4222-8222-222222222222';

/** Of a server whose files are `<directory>/root`, into `<directory>/backups`; both are made. */
export function createPlan(directory: string, overrides: Partial<CreatePlan> = {}): CreatePlan {
  const [root, backups] = [join(directory, 'root'), join(directory, 'backups')];
  for (const path of [root, backups]) mkdirSync(path, { recursive: true });
  return {
    kind: 'create',
    root,
    archive: join(backups, `${backupUuid}.tar.gz`),
    server: serverUuid,
    backup: backupUuid,
    operation: 'op-1',
    ignore: '',
    ignoreFiles: ['.pteroignore', '.pelicanignore'],
    format: 'gzip',
    level: 'fast',
    tarEntries: 'wings',
    writeLimit: 0,
    verify: true,
    knownBytes: 0,
    daemonVersion: '0.0.0-test',
    ...overrides,
  };
}
