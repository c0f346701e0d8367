// A server's directory and a staging place beside it, as a restore finds them, and the plans of one run there.
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseEngine } from '../../src/archive/gzip/choose-engine.ts';
import type { Job } from '../../src/archive/job.ts';
import type {
  ExtractLimits,
  MergePlan,
  MoveNewPlan,
  MoveOldPlan,
  RestoredFacts,
  RollBackPlan,
  StagePlan,
} from '../../src/archive/plan.ts';
import { inPlace } from '../../src/archive/restore/in-place.ts';
import { merge } from '../../src/archive/restore/merge.ts';
import { moveNew, moveOld } from '../../src/archive/restore/move.ts';
import { rollBack } from '../../src/archive/restore/roll-back.ts';
import { stage } from '../../src/archive/restore/stage.ts';
import { verify } from '../../src/archive/restore/verify.ts';
import { ArchiveError } from '../../src/archive/runner.ts';
import { systemClock } from '../../src/clock/clock.ts';
import type { Owner } from './owner.ts';

const { engine } = await chooseEngine();

export const noLimits: ExtractLimits = { contentBytes: 0, entries: 1_000_000, reserveBytes: 0 };

/** Whoever runs the tests need not be root. */
export const restoreOwner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

export function archiveJob(overrides: Partial<Job> = {}): Job {
  return {
    signal: new AbortController().signal,
    progress: { bytesDone: 0, bytesTotal: 0, files: 0 },
    gzip: engine,
    clock: systemClock,
    ...overrides,
  };
}

/** In memory where there is such a place: everything here is made durable over and over. */
const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export class RestoreBench {
  readonly base: string;
  readonly root: string;
  readonly staging: string;
  /** Beside the server's directory; nothing may happen to it. */
  readonly outside: string;
  job = archiveJob();
  owner = restoreOwner;

  constructor(owner: Owner, parent = fastFolder) {
    this.base = realpathSync(mkdtempSync(join(parent, 'aileron-restore-')));
    owner.after(() => rmSync(this.base, { recursive: true, force: true }));
    const server = '6b4d2f0c-6f0e-4f0e-9d37-0c6f2b1a9e55';
    this.root = join(this.base, 'data', server);
    this.staging = join(this.base, 'data/.restore', server, 'operation-1');
    this.outside = join(this.base, 'outside');
    mkdirSync(this.root, { recursive: true });
    mkdirSync(this.outside);
    chmodSync(this.root, 0o755);
    chownSync(this.root, this.owner.uid, this.owner.gid);
  }

  get target() {
    return { root: this.root, staging: this.staging, ...this.owner };
  }

  path(...names: string[]): string {
    return join(this.base, ...names);
  }

  verify(archive: string, overrides: Partial<Pick<StagePlan, 'checksum' | 'limits' | 'paths' | 'mode'>> = {}) {
    const { paths = [], mode = 'truncate', ...reading } = overrides;
    const into = { root: this.root, paths, mode };
    return verify({ kind: 'verify', archive, readLimit: 0, limits: noLimits, ...reading, into }, this.job);
  }

  stage(archive: string, overrides: Partial<StagePlan> = {}): Promise<RestoredFacts> {
    return stage({ ...this.#stagePlan(archive), ...overrides }, this.job);
  }

  inPlace(archive: string, overrides: Partial<StagePlan> = {}): Promise<RestoredFacts> {
    return inPlace({ ...this.#stagePlan(archive), ...overrides, kind: 'in-place' }, this.job);
  }

  moveOld(): Promise<undefined> {
    return moveOld({ kind: 'move-old', ...this.target } satisfies MoveOldPlan, this.job);
  }

  moveNew(): Promise<undefined> {
    return moveNew({ kind: 'move-new', ...this.target } satisfies MoveNewPlan, this.job);
  }

  merge(): Promise<undefined> {
    return merge({ kind: 'merge', ...this.target } satisfies MergePlan, this.job);
  }

  rollBack(mode: StagePlan['mode']): Promise<undefined> {
    return rollBack({ kind: 'roll-back', mode, ...this.target } satisfies RollBackPlan, this.job);
  }

  /** Stage and commit. */
  async restore(archive: string, overrides: Partial<StagePlan> = {}): Promise<RestoredFacts> {
    const facts = await this.stage(archive, overrides);
    if (overrides.mode === 'merge') await this.merge();
    else {
      await this.moveOld();
      await this.moveNew();
    }
    return facts;
  }

  #stagePlan(archive: string): StagePlan {
    return { kind: 'stage', ...this.target, archive, paths: [], mode: 'truncate', readLimit: 0, limits: noLimits };
  }
}

/** The code of the error that `work` ends with, or that it did not. */
export async function failureCode(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
}
