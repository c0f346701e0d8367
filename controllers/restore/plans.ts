// The plan of each job of a restore, and which way it goes: unpacked beside the files and swapped, or straight over them.
// Pure.
import type {
  DiscardPlan,
  ExtractLimits,
  InPlacePlan,
  MergePlan,
  MoveNewPlan,
  MoveOldPlan,
  RollBackPlan,
  StagePlan,
  Target,
  VerifyPlan,
} from '../../src/archive/plan.ts';
import type { Config } from '../../src/config/config.ts';
import type { Restore, RestoreStatus } from '../../src/resources/restore.ts';
import type { Server } from '../../src/resources/server.ts';
import type { FreeSpace } from '../../src/volumes/free-space.ts';
import type { Act } from './decision.ts';
import type { Source } from './source.ts';

export type RestorePlan =
  | StagePlan
  | VerifyPlan
  | MoveOldPlan
  | MoveNewPlan
  | MergePlan
  | RollBackPlan
  | InPlacePlan
  | DiscardPlan;

/** What an archive may hold that does not say it itself: security contract SEC-20. */
const mostEntries = 1_000_000;
const bytesPerMiB = 1_048_576;

/** Room for the content and what a file system needs beside it: a file takes whole blocks, up to one more than it fills. */
const stagingFactor = 1.05;
const stagingBytesPerFile = 4096;

export type Strategy = NonNullable<RestoreStatus['strategy']>;

export interface Room {
  space: FreeSpace;
  /** Bytes of content to be unpacked. */
  contentBytes: number;
  /** Regular files, when that is known. */
  entries: number | undefined;
}

/** `Auto` stages when both fit beside each other. */
export function chooseStrategy(
  { spec }: Restore,
  config: Config,
  { space, contentBytes, entries = 0 }: Room,
): Strategy {
  const wanted = spec.strategy ?? strategyOfConfig[config.system.backups.restoreMode];
  if (wanted !== 'Auto') return wanted;
  const needed = contentBytes * stagingFactor + entries * stagingBytesPerFile;
  return space.freeBytes - reserveBytes(config, space) >= needed ? 'Staged' : 'InPlace';
}

const strategyOfConfig = { auto: 'Auto', staged: 'Staged', in_place: 'InPlace' } as const;

/** What the node keeps free: the larger of both settings. */
export function reserveBytes({ aileron }: Config, { totalBytes }: FreeSpace): number {
  const { percent, mebibytes } = aileron.diskReserve;
  return Math.floor(Math.max((totalBytes * percent) / 100, mebibytes * bytesPerMiB));
}

export interface PlanInput {
  restore: Restore;
  /** Absent: gone, which only matters to what unpacks. */
  server: Server | undefined;
  config: Config;
  root: string;
  staging: string;
  space: FreeSpace;
  /** Of what reads the archive. */
  source: Source | undefined;
}

export function planOf(act: Act, input: PlanInput): RestorePlan {
  const { restore, config, root, staging } = input;
  const { uid, gid } = config.system.user;
  const target: Target = { root, staging, uid, gid };
  const mode = restore.spec.mode === 'Truncate' ? 'truncate' : 'merge';
  switch (act) {
    case 'stage':
    case 'in-place':
      return { kind: act, ...target, ...reading(input), paths: restore.spec.paths, mode };
    case 'verify':
      return { kind: act, ...reading(input), into: { root, paths: restore.spec.paths, mode } };
    case 'roll-back':
      return { kind: act, ...target, mode };
    case 'discard':
      return { kind: act, staging };
    default:
      return { kind: act, ...target };
  }
}

function reading(input: PlanInput): Pick<StagePlan, 'archive' | 'checksum' | 'readLimit' | 'limits'> {
  const { source, server, config, space } = input;
  if (!source) throw new Error('a job that reads an archive needs to know which');
  const limits: ExtractLimits = {
    contentBytes: (server?.spec.limits.disk ?? 0) * bytesPerMiB,
    // Directories and links may have entries of their own.
    entries: Math.max(mostEntries, (source.entries ?? 0) * 2),
    reserveBytes: reserveBytes(config, space),
  };
  const checksum = source.checksum === undefined ? {} : { checksum: source.checksum };
  return { archive: source.path, ...checksum, readLimit: config.system.backups.writeLimit, limits };
}
