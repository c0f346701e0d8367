// How archives are named on disk: below a directory of their server, or all in one; both are read. Pure.
import { join } from 'node:path';
import { type ArchiveKey, ObjectStoreError } from './object-store.ts';

export type ArchiveLayout = 'per_server' | 'flat';

const canonicalUuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const uuid = new RegExp(`^${canonicalUuid}$`);
const archive = new RegExp(`^(${canonicalUuid})\\.tar\\.gz$`);
const sidecar = new RegExp(`^(${canonicalUuid})\\.json$`);
const partial = new RegExp(`^\\.(${canonicalUuid})\\.([A-Za-z0-9-]{1,128})\\.partial$`);

/** Of a sidecar that was being written: write-durable.ts names it. */
const unfinishedSidecar = new RegExp(`^\\.(${canonicalUuid})\\.json\\.[0-9a-f]{12}\\.tmp$`);

const archiveSuffix = '.tar.gz';

/** What a name in a directory of archives is; `undefined`: nothing of ours. */
export type NameInfo =
  | { is: 'archive' | 'sidecar' | 'unfinished-sidecar'; backup: string }
  | { is: 'partial'; backup: string; operation: string };

export function nameInfo(name: string): NameInfo | undefined {
  const [, ofArchive] = archive.exec(name) ?? [];
  if (ofArchive) return { is: 'archive', backup: ofArchive };
  const [, ofSidecar] = sidecar.exec(name) ?? [];
  if (ofSidecar) return { is: 'sidecar', backup: ofSidecar };
  const [, ofUnfinished] = unfinishedSidecar.exec(name) ?? [];
  if (ofUnfinished) return { is: 'unfinished-sidecar', backup: ofUnfinished };
  const [, ofPartial, operation] = partial.exec(name) ?? [];
  return ofPartial && operation ? { is: 'partial', backup: ofPartial, operation } : undefined;
}

export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** Nothing but canonical uuids becomes part of a path. @throws ObjectStoreError BAD_KEY */
export function checkKey({ server, backup }: ArchiveKey): void {
  if (!isUuid(server)) throw new ObjectStoreError('BAD_KEY', 'not the uuid of a server');
  if (!isUuid(backup)) throw new ObjectStoreError('BAD_KEY', 'not the uuid of a backup');
}

export function directoryOf(root: string, layout: ArchiveLayout, server: string): string {
  return layout === 'flat' ? root : join(root, server);
}

export function archivePath(root: string, layout: ArchiveLayout, { server, backup }: ArchiveKey): string {
  return join(directoryOf(root, layout, server), `${backup}${archiveSuffix}`);
}

/** The archive that a sidecar speaks of. */
export function archiveBeside(sidecarFile: string): string {
  return sidecarFile.replace(/\.json$/, archiveSuffix);
}

export function partialName({ backup }: Pick<ArchiveKey, 'backup'>, operation: string): string {
  return `.${backup}.${operation}.partial`;
}
