// Archives of a node, and links to them as a Panel signs them.
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { anyUuid } from './builders.ts';
import { aUser, type ConsoleNode, panelOrigin } from './console-node.ts';
import { signedToken } from './signed-token.ts';

export const backupUuid = '47363ce7-d70a-430e-8e75-6dc87c8d016d';
export const archiveContent = Buffer.from('0123456789');

interface ArchiveOptions {
  backup?: string;
  server?: string;
  bytes?: Buffer;
}

/** Where it would be after a backup. */
export function putArchive(
  { config }: ConsoleNode,
  { backup = backupUuid, server = anyUuid, bytes = archiveContent }: ArchiveOptions = {},
): void {
  const directory = join(config.system.backupDirectory, server);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${backup}.tar.gz`), bytes);
}

/** What a Panel says in every token of a browser. */
export function commonClaims({ clock }: ConsoleNode): Record<string, unknown> {
  const iat = Math.floor(clock.now() / 1000);
  const jti = createHash('md5').update('1').digest('hex');
  return {
    ...{ iss: panelOrigin, jti, iat, nbf: iat - 300, exp: iat + 900 },
    ...{ server_uuid: anyUuid, user_uuid: aUser, unique_id: randomUUID() },
  };
}

/** Claims that are undefined are left out. */
export function backupToken(node: ConsoleNode, claims: Record<string, unknown> = {}, secret?: string): string {
  return signedToken({ ...commonClaims(node), backup_uuid: backupUuid, ...claims }, secret);
}

export function backupLink(node: ConsoleNode, claims: Record<string, unknown> = {}): string {
  return `/download/backup?token=${backupToken(node, claims)}`;
}
