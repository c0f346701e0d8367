// What stands beside an archive and says what it is: the basis of checking it before a restore. docs/backup-format.md
// describes it for people.
import { basename, dirname, join } from 'node:path';
import { writeDurable } from '../volumes/write-durable.ts';
import type { ArchiveFormat } from './plan.ts';

export interface Sidecar {
  version: 1;
  server: string;
  backup: string;
  operation: string;
  checksum: { type: 'sha1'; value: string };
  size: number;
  format: ArchiveFormat;
  entries: number;
  contentBytes: number;
  changed: number;
  skipped: number;
  verified: boolean;
  /** RFC 3339, when the archive was begun. */
  created: string;
  daemonVersion: string;
}

/** `<backup>.json` beside `<backup>.tar.gz`. */
export function sidecarPath(archive: string): string {
  return join(dirname(archive), `${basename(archive, '.tar.gz')}.json`);
}

/** Durable when it settles. @throws what the system says */
export function writeSidecar(archive: string, sidecar: Sidecar): Promise<void> {
  return writeDurable(sidecarPath(archive), `${JSON.stringify(sidecar)}\n`);
}
