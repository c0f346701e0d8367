// Backups and restores of a live node, as somebody with kubectl makes them, and a server's files as one can compare them.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Backup, BackupSpec } from '../../src/resources/backup.ts';
import type { Restore, RestoreSpec } from '../../src/resources/restore.ts';
import { ApiError, type NodeClient } from './node-client.ts';
import { until } from './until.ts';

type Plural = 'backups' | 'restores';
const kinds = { backups: 'Backup', restores: 'Restore' } as const;
const group = '/apis/aileron.dev/v1';
const patienceMs = 30_000;

export interface Ended {
  status: NonNullable<Restore['status']> & NonNullable<Backup['status']>;
}

/** @throws ApiError */
export async function createBackup(
  api: NodeClient,
  server: string,
  name: string,
  spec: Partial<BackupSpec> = {},
): Promise<Backup> {
  return create(api, 'backups', name, { serverRef: { name: server }, ...spec }) as Promise<Backup>;
}

/** @throws ApiError */
export async function createRestore(
  api: NodeClient,
  server: string,
  name: string,
  { backup, ...spec }: Partial<RestoreSpec> & { backup: string },
): Promise<Restore> {
  return create(api, 'restores', name, {
    serverRef: { name: server },
    backupRef: { name: backup },
    ...spec,
  }) as Promise<Restore>;
}

async function create(api: NodeClient, plural: Plural, name: string, spec: object): Promise<unknown> {
  return api.call('POST', `${group}/${plural}`, {
    apiVersion: 'aileron.dev/v1',
    kind: kinds[plural],
    metadata: { name },
    spec,
  });
}

export async function backedUp(api: NodeClient, server: string, name: string): Promise<Backup> {
  await createBackup(api, server, name);
  return (await untilPhase(api, 'backups', name, ['Completed'])) as Backup;
}

export async function getOperation(
  api: NodeClient,
  plural: Plural,
  name: string,
): Promise<Backup | Restore | undefined> {
  try {
    return (await api.call('GET', `${group}/${plural}/${name}`)) as Backup | Restore;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

export function cancelOperation(api: NodeClient, plural: Plural, name: string): Promise<unknown> {
  return api.call('PATCH', `${group}/${plural}/${name}`, { spec: { cancel: true } });
}

export async function deleteOperation(api: NodeClient, plural: Plural, name: string): Promise<void> {
  await api.call('DELETE', `${group}/${plural}/${name}`);
}

export async function untilPhase(
  api: NodeClient,
  plural: Plural,
  name: string,
  phases: readonly string[],
  ms = patienceMs,
): Promise<Backup | Restore> {
  let last: Backup | Restore | undefined;
  try {
    return await until(`${name} is ${phases.join(' or ')}`, ms, async () => {
      last = await getOperation(api, plural, name);
      return last?.status?.phase !== undefined && phases.includes(last.status.phase) && last;
    });
  } catch (error) {
    throw new Error(`${plural} ${name}: it is ${JSON.stringify(last?.status)}`, { cause: error });
  }
}

/** Over, and nothing of it is left beside the server's files. */
export async function restoreEnded(api: NodeClient, name: string, ms = patienceMs): Promise<Restore> {
  await untilPhase(api, 'restores', name, ['Completed', 'Failed', 'Cancelled'], ms);
  return until(`nothing is left of ${name}`, ms, async () => {
    const restore = (await getOperation(api, 'restores', name)) as Restore;
    return !restore.status?.journal && restore;
  });
}

/** `path → what`, with the mode, for everything below a directory. */
export function treeOf(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = lstatSync(path);
    const rights = (mode & 0o7777).toString(8);
    const what = entry.isDirectory()
      ? 'directory'
      : entry.isSymbolicLink()
        ? `link ${readlinkSync(path)}`
        : createHash('sha1').update(readFileSync(path)).digest('hex');
    tree[path.slice(root.length + 1)] = entry.isSymbolicLink() ? what : `${rights} ${what}`;
  }
  return tree;
}
