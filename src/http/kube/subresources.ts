// What can be read of an object beside the object itself. One table: routes, discovery and OpenAPI are made of it.
import type { ArchiveAccess } from './archives/access.ts';
import { backupArchive } from './archives/backup-archive.ts';
import { backupContents } from './archives/backup-contents.ts';
import type { Handler } from './context.ts';
import type { StreamLimit } from './stream-limit.ts';

export interface Subresource {
  /** Of which kind. */
  kind: string;
  name: string;
  description: string;
  /** Of the answer. */
  mediaTypes: readonly string[];
  query: readonly { name: string; description: string; required: boolean }[];
  handler: Handler;
}

export interface ArchivePlaces {
  downloads: StreamLimit;
  /** For the whole node. */
  contents: StreamLimit;
}

export function archiveSubresources(access: ArchiveAccess, { downloads, contents }: ArchivePlaces): Subresource[] {
  return [
    {
      kind: 'Backup',
      name: 'archive',
      description: 'The archive itself. A range of its bytes may be asked for.',
      mediaTypes: ['application/gzip', 'application/zstd'],
      query: [],
      handler: backupArchive(access, downloads),
    },
    {
      kind: 'Backup',
      name: 'contents',
      description: 'One path of the archive: a file as it is, a directory as a tar.',
      mediaTypes: ['application/octet-stream', 'application/x-tar'],
      query: [
        { name: 'path', description: 'A file or directory in it, relative to the server, / between.', required: true },
      ],
      handler: backupContents(access, contents),
    },
  ];
}
