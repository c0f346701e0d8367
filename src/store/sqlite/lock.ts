// One daemon to a state: a lock that lasts as long as the process, held in a file of its own so that a damaged database
// can be renamed and a new one made without a moment in which a second daemon could come in between.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreLockedError } from '../errors.ts';
import { describe, hasPrimaryCode, sqlitePrimary } from './error-data.ts';

export interface HeldLock {
  /** What went wrong without costing the lock; undefined when nothing did. */
  warning: string | undefined;
  release(): void;
}

/**
 * The lock is an exclusive transaction on an empty SQLite database that is never written to: the kernel releases it
 * however the process ends, and the file cannot be damaged by a crash. The pid file beside it only names the holder.
 * @throws StoreLockedError naming the holder
 */
export function holdLock(path: string): HeldLock {
  const lockPath = `${path}.lock`;
  const pidPath = `${path}.pid`;
  const database = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    chmodSync(lockPath, 0o600);
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (hasPrimaryCode(error, sqlitePrimary.busy)) {
      throw new StoreLockedError(lockedSentence(path, pidPath), { cause: error });
    }
    throw error;
  }
  return {
    warning: writePid(pidPath),
    release() {
      // The pid file first: after the lock is gone it may be the next holder's.
      rmSync(pidPath, { force: true });
      database.close();
    },
  };
}

function writePid(pidPath: string): string | undefined {
  try {
    rmSync(pidPath, { force: true });
    writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 });
    return undefined;
  } catch (error) {
    return `cannot write ${pidPath}: ${describe(error)}; a second daemon will be refused without being told by whom`;
  }
}

function lockedSentence(path: string, pidPath: string): string {
  const pid = readPid(pidPath);
  const holder = pid === undefined ? 'another process' : `process ${pid}`;
  const stop = pid === undefined ? 'stop that process' : `stop that process (kill ${pid})`;
  return `the state at ${path} is in use by ${holder}: ${stop} or give this daemon another store.path`;
}

function readPid(pidPath: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidPath, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    // Names the holder or does not: the lock itself has already answered.
    return undefined;
  }
}
