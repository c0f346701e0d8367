// What the daemon asks of an archive job, and what comes back: plain data both ways, so that the job may be a process of
// its own. Paths are the operator's and trusted up to and including the directory of the server; what lies below is not.

/** Of a server's files, without links: `<data>/<uuid>`. */
type ServerRoot = string;

export type ArchiveFormat = 'gzip' | 'zstd';

/** Makes an archive. Its last acts are durable: the sidecar, then the archive under its final name. */
export interface CreatePlan {
  kind: 'create';
  root: ServerRoot;
  /** Final path; the directory exists. The partial file is `.<backup>.<operation>.partial` beside it. */
  archive: string;
  server: string;
  backup: string;
  /** Tells this operation from others: in the sidecar and in the name of the partial file. */
  operation: string;
  /** Lines of ignore rules. Empty = the first of `ignoreFiles` that the root has. */
  ignore: string;
  ignoreFiles: readonly string[];
  format: ArchiveFormat;
  level: 'none' | 'fast' | 'best';
  /** `posix` writes directories and links as entries, which Wings cannot restore. */
  tarEntries: 'wings' | 'posix';
  /** Bytes a second of the compressed stream; 0 = no limit. */
  writeLimit: number;
  /** Read the whole archive back before it counts. */
  verify: boolean;
  /** Bytes known from the last count of the directory; 0 = not known. For the total when counting takes too long. */
  knownBytes: number;
  /** Written into the sidecar. */
  daemonVersion: string;
}

/** Reads an archive from end to end and writes nothing. */
export interface VerifyPlan {
  kind: 'verify';
  archive: string;
  /** SHA-1 in hex, when it is known. */
  checksum?: string;
  /** Bytes a second of the compressed stream; 0 = no limit. */
  readLimit: number;
  limits: ExtractLimits;
  /** Where it would be unpacked in place: the paths must be there, and the limit counts what a merge leaves too. */
  into?: { root: ServerRoot } & Pick<StagePlan, 'paths' | 'mode'>;
}

export interface ExtractLimits {
  /** Bytes of file content, 0 = no limit: the disk limit of the server. */
  contentBytes: number;
  entries: number;
  /** Bytes that the file system must keep free. */
  reserveBytes: number;
}

export interface Target {
  root: ServerRoot;
  /** `<data>/.restore/<server uuid>/<operation>`; made 0700 when missing. `new` and `old` in it hold files on their way. */
  staging: string;
  uid: number;
  gid: number;
}

/** Unpacks into `staging/new` in the same pass that verifies, then makes it durable. Starts anew when repeated. */
export interface StagePlan extends Target {
  kind: 'stage';
  archive: string;
  checksum?: string;
  /** Files and directories wanted, relative; empty = all. */
  paths: readonly string[];
  /** What `limits.contentBytes` is compared with: merging counts the files that stay too; in place `verify` did. */
  mode: 'merge' | 'truncate';
  readLimit: number;
  limits: ExtractLimits;
}

/** Moves every child of the root into `staging/old`. Harmless when repeated. */
export interface MoveOldPlan extends Target {
  kind: 'move-old';
}

/** Moves every child of `staging/new` into the root. Harmless when repeated. */
export interface MoveNewPlan extends Target {
  kind: 'move-new';
}

/** Moves what was staged over the root, what stood there into `staging/old`. Harmless when repeated. */
export interface MergePlan extends Target {
  kind: 'merge';
}

/** After a commit that failed: the root as it was. Harmless when repeated. */
export interface RollBackPlan extends Target {
  kind: 'roll-back';
  mode: 'merge' | 'truncate';
}

/** Empties the root if asked, and unpacks straight into it. Harmless when repeated: it starts anew. */
export interface InPlacePlan extends Omit<StagePlan, 'kind'> {
  kind: 'in-place';
}

/** Removes the staging directory and, when it was the last one, that of the server. Missing is fine. */
export interface DiscardPlan {
  kind: 'discard';
  staging: string;
  /** Nothing goes when files of the server wait there, or when a commit or a roll-back may have begun. */
  unlessTouched?: boolean;
}

/** Writes one path of an archive to a descriptor: a file as it is, a directory as a tar. Reads no further than it must. */
export interface ReadPathPlan {
  kind: 'read-path';
  archive: string;
  /** Relative, `/` between components. */
  path: string;
}

export type ArchivePlan =
  | CreatePlan
  | VerifyPlan
  | StagePlan
  | MoveOldPlan
  | MoveNewPlan
  | MergePlan
  | RollBackPlan
  | InPlacePlan
  | DiscardPlan
  | ReadPathPlan;

/** The whole archive, as its sidecar says it too. */
export interface ArchiveFacts {
  /** Bytes of the archive file. */
  size: number;
  /** SHA-1 in hex. */
  checksum: string;
  format: ArchiveFormat;
  /** Regular files. */
  entries: number;
  contentBytes: number;
  /** Shrank while they were read; padded. */
  changed: number;
  /** Vanished, or are no file, directory or link. */
  skipped: number;
  /** Read back without a fault. */
  verified: boolean;
  warnings: string[];
}

export interface VerifiedFacts extends Omit<ArchiveFacts, 'changed' | 'skipped' | 'verified' | 'format'> {
  /** By the first bytes, whatever the name says. */
  format: ArchiveFormat | 'tar';
  /** With `into`: by how many bytes the file system can fill while it is unpacked; below 0 it empties. */
  growthBytes?: number;
}

export interface RestoredFacts {
  files: number;
  bytes: number;
  skipped: number;
  warnings: string[];
}

export interface DiscardedFacts {
  /** Everything stayed where it was. */
  kept: boolean;
}

/** Of `read-path`, told before the first byte. */
export interface PathFacts {
  type: 'file' | 'directory';
  /** Of a file, bytes. */
  size?: number;
}

export interface ArchiveResults {
  create: ArchiveFacts;
  verify: VerifiedFacts;
  stage: RestoredFacts;
  'move-old': undefined;
  'move-new': undefined;
  merge: undefined;
  'roll-back': undefined;
  'in-place': RestoredFacts;
  discard: DiscardedFacts;
  'read-path': PathFacts;
}

/** Counters of a job, read four times a second. */
export interface ArchiveProgress {
  /** Create: bytes of file content archived. Verify, stage, in-place: compressed bytes consumed. Never falls. */
  bytesDone: number;
  /** Create: of the selected files. Else the size of the archive. 0 = not known (yet). */
  bytesTotal: number;
  files: number;
  /** The entry being unpacked, for people: text that may differ from the bytes of the name. */
  current?: string;
  /** Of `create`: the archive is written and is being read back. */
  verifying?: boolean;
}
