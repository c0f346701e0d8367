// Archives of this daemon, made of a directory.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createArchive } from '../../src/archive/create/create.ts';
import type { ArchiveFacts, CreatePlan } from '../../src/archive/plan.ts';
import { archiveJob } from './restore-bench.ts';

export function ourArchive(root: string, archive: string, overrides: Partial<CreatePlan> = {}): Promise<ArchiveFacts> {
  mkdirSync(dirname(archive), { recursive: true });
  const plan: CreatePlan = {
    kind: 'create',
    root,
    archive,
    server: '6b4d2f0c-6f0e-4f0e-9d37-0c6f2b1a9e55',
    backup: '0d1c7a52-31a1-4d0e-8a53-5f1f5b6a7c11',
    operation: 'operation-1',
    ignore: '',
    ignoreFiles: [],
    format: 'gzip',
    level: 'fast',
    tarEntries: 'wings',
    writeLimit: 0,
    verify: false,
    knownBytes: 0,
    daemonVersion: 'test',
    ...overrides,
  };
  return createArchive(plan, archiveJob());
}
