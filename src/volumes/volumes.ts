// The directories of servers, `<data>/<uuid>`, and their machine ids. Whoever runs in a container writes in its
// directory at the same time and is not trusted: no name in it is ever followed.
import { mkdirSync, realpathSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, VolumeError } from './errors.ts';
import { type FreeSpace, freeSpace } from './free-space.ts';
import { OpenDirectory } from './open-directory.ts';
import type { OwnershipResult } from './own-tree.ts';
import { TreeThreads } from './tree-threads.ts';
import { syncDirectory, writeDurable } from './write-durable.ts';

export interface VolumesOptions {
  /** Made when missing. A link to it is resolved once, here. */
  dataDirectory: string;
  /** Made when first needed. */
  machineIdDirectory: string;
  /** Whom the files belong to. */
  uid: number;
  gid: number;
}

/** Every call checks the uuid. @throws VolumeError BAD_UUID */
export interface Volumes {
  /** Absolute, without links: what a container mounts. */
  path(uuid: string): string;
  /** The directory exists and belongs to the server's user from its first moment. @throws VolumeError NOT_A_DIRECTORY */
  ensure(uuid: string): Promise<void>;
  /** Bytes in regular files; 0 when there is no directory. @throws VolumeError, the signal's reason */
  usage(uuid: string, signal: AbortSignal): Promise<number>;
  /** Gives the whole tree to the server's user, links themselves included. @throws VolumeError, the signal's reason */
  fixOwnership(uuid: string, signal: AbortSignal): Promise<OwnershipResult>;
  /** Deletes the directory. May be repeated, also after a crash in the middle. @throws VolumeError, the signal's reason */
  remove(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Writes the file that a container sees as /etc/machine-id. Answers its path. */
  writeMachineId(uuid: string): Promise<string>;
  removeMachineId(uuid: string): Promise<void>;
  /** Where a restore keeps files on their way, beside the directories of servers and out of reach of their processes. */
  staging(uuid: string, operation: string): string;
  /** Every staging directory there is. */
  listStaging(): Promise<{ uuid: string; operation: string }[]>;
  /** Deletes the staging directories of one server. May be repeated. @throws VolumeError, the signal's reason */
  removeStaging(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Of the file system that the directories are on. */
  freeSpace(): Promise<FreeSpace>;
  close(): Promise<void>;
}

/**
 * Counts and owner changes at a time, and removals. A long removal must not keep a server from starting, nor must the
 * counts in the background, of which there are fewer.
 */
const walksAtATime = 4;
const removalsAtATime = 1;

/** Below the data directory; only the daemon's user can enter it. */
const stagingDirectory = '.restore';
const operationName = /^[0-9a-f][0-9a-f-]{7,63}$/;

const canonicalUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** @throws what the system says when the data directory cannot be made or resolved */
export function createVolumes({ dataDirectory, machineIdDirectory, uid, gid }: VolumesOptions): Volumes {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const data = realpathSync(dataDirectory);
  const walkers = new TreeThreads({ limit: walksAtATime });
  const removers = new TreeThreads({ limit: removalsAtATime });

  const target = (uuid: string) => ({ parent: data, name: checked(uuid) });

  return {
    path: (uuid) => join(data, checked(uuid)),

    async ensure(uuid) {
      if (madeDirectory(data, checked(uuid), { uid, gid })) await syncDirectory(data);
    },

    async usage(uuid, signal) {
      const reply = await walkers.run({ kind: 'count', ...target(uuid) }, signal);
      return reply.kind === 'counted' ? reply.bytes : 0;
    },

    async fixOwnership(uuid, signal) {
      const reply = await walkers.run({ kind: 'own', uid, gid, ...target(uuid) }, signal);
      return reply.kind === 'owned' ? { changed: reply.changed, left: reply.left } : { changed: 0, left: 0 };
    },

    async remove(uuid, signal) {
      await removers.run({ kind: 'remove', ...target(uuid) }, signal);
      await syncDirectory(data);
    },

    async writeMachineId(uuid) {
      const path = join(machineIdDirectory, checked(uuid));
      await mkdir(machineIdDirectory, { recursive: true, mode: 0o700 });
      await writeDurable(path, uuid.replaceAll('-', ''), { mode: 0o644 });
      return path;
    },

    async removeMachineId(uuid) {
      await rm(join(machineIdDirectory, checked(uuid)), { force: true });
    },

    staging(uuid, operation) {
      if (!operationName.test(operation)) throw new VolumeError('BAD_UUID', 'not the name of an operation');
      return join(data, stagingDirectory, checked(uuid), operation);
    },

    async listStaging() {
      const servers = (await namesIn(join(data, stagingDirectory))).filter((name) => canonicalUuid.test(name));
      const found = await Promise.all(
        servers.map(async (uuid) => {
          const names = await namesIn(join(data, stagingDirectory, uuid));
          return names.filter((name) => operationName.test(name)).map((operation) => ({ uuid, operation }));
        }),
      );
      return found.flat();
    },

    async removeStaging(uuid, signal) {
      const parent = join(data, stagingDirectory);
      if (!(await namesIn(parent)).includes(checked(uuid))) return;
      await removers.run({ kind: 'remove', parent, name: uuid }, signal);
      await syncDirectory(parent);
    },

    freeSpace: () => freeSpace(data),

    async close() {
      await Promise.all([walkers.close(), removers.close()]);
    },
  };
}

/** Of a directory of the daemon's own; none when it is missing. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function checked(uuid: string): string {
  if (!canonicalUuid.test(uuid)) throw new VolumeError('BAD_UUID', 'not the uuid of a server');
  return uuid;
}

/** Under another name first, so that under its own it never belongs to anyone else, not even after a crash. */
function madeDirectory(data: string, uuid: string, { uid, gid }: { uid: number; gid: number }): boolean {
  using parent = OpenDirectory.open(data);
  const name = Buffer.from(uuid);
  if (isDirectory(parent, name)) return false;
  const unfinished = Buffer.from(`.${uuid}.new`);
  try {
    parent.makeDirectory(unfinished, 0o755);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  using directory = parent.enter(unfinished);
  if (!directory) throw new VolumeError('NOT_A_DIRECTORY', 'a directory for the server could not be made');
  directory.chmod(0o755);
  directory.chown(uid, gid);
  parent.rename(unfinished, parent, name);
  return true;
}

function isDirectory(parent: OpenDirectory, name: Buffer): boolean {
  const stat = parent.lstat(name);
  if (stat && !stat.isDirectory()) {
    throw new VolumeError('NOT_A_DIRECTORY', 'something else stands where the directory of the server should be');
  }
  return stat !== undefined;
}
