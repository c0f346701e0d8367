// What the thread that edits configuration files and the one that asks for it say to each other.
import type { EggFileResult } from './edit-file.ts';

export type EggReply =
  /** The code is loaded. */
  | { kind: 'ready' }
  /** From here on only the disk takes time. */
  | { kind: 'edited' }
  | { kind: 'done'; result: EggFileResult };
