// What a commit moves into the server's directory, written down before the first move: paths, each ended by a zero byte. So
// a roll-back tells what came from what was there, also after a crash between any two moves.
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { errorCode } from '../../volumes/errors.ts';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { EntryPath } from '../read/entry-path.ts';
import { joined, split } from './deferred.ts';

const listName = Buffer.from('moves');
const unfinishedName = Buffer.from('moves.unfinished');
const undoneName = Buffer.from('moves.undone');
const bufferBytes = 256 * 1024;
const zero = Buffer.alloc(1);

export function hasMoveList(staging: OpenDirectory): boolean {
  return staging.lstat(listName) !== undefined;
}

/** A roll-back was half done, or done. */
export function hasUndoneMoves(staging: OpenDirectory): boolean {
  return staging.lstat(undoneName) !== undefined;
}

/** Durable, and whole under its name or not there at all. */
export function writeMoveList(staging: OpenDirectory, paths: Iterable<EntryPath>): void {
  if (staging.lstat(unfinishedName)) staging.unlink(unfinishedName);
  const fd = staging.createFile(unfinishedName, 0o600);
  try {
    let buffered: Buffer[] = [];
    let bytes = 0;
    for (const path of paths) {
      const record = Buffer.concat([joined(path), zero]);
      buffered.push(record);
      bytes += record.length;
      if (bytes < bufferBytes) continue;
      writeAll(fd, Buffer.concat(buffered));
      buffered = [];
      bytes = 0;
    }
    writeAll(fd, Buffer.concat(buffered));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  staging.rename(unfinishedName, staging, listName);
  staging.sync();
}

/**
 * From here on what stands in the server's directory under these paths is what was there before. A renaming, which a full
 * disk does not refuse.
 */
export function markMovesUndone(staging: OpenDirectory): void {
  staging.rename(listName, staging, undoneName);
  staging.sync();
}

/** In the order they were written; nothing without a list. */
export function readMoveList(staging: OpenDirectory): Generator<EntryPath, void, undefined> {
  return readPathsOf(staging, listName);
}

/** Of a list that is marked. */
export function readUndoneMoves(staging: OpenDirectory): Generator<EntryPath, void, undefined> {
  return readPathsOf(staging, undoneName);
}

/** Of any list of this form; none is as good as empty. What a crash cut off at its end is not told. */
export function* readPathsOf(staging: OpenDirectory, name: Buffer): Generator<EntryPath, void, undefined> {
  const fd = opened(staging, name);
  if (fd === undefined) return;
  try {
    const buffer = Buffer.allocUnsafe(bufferBytes);
    let held = Buffer.alloc(0);
    for (let at = 0; ; ) {
      const bytes = readSync(fd, buffer, 0, buffer.length, at);
      if (bytes === 0) return;
      at += bytes;
      held = Buffer.concat([held, buffer.subarray(0, bytes)]);
      let start = 0;
      for (let end = held.indexOf(0); end >= 0; end = held.indexOf(0, start)) {
        yield split(held.subarray(start, end));
        start = end + 1;
      }
      held = held.subarray(start);
    }
  } finally {
    closeSync(fd);
  }
}

function opened(staging: OpenDirectory, name: Buffer): number | undefined {
  try {
    return openSync(`/proc/self/fd/${staging.fd}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
