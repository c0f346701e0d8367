// What stands between the bytes of an archive file and the tar reader: the tar stream, block by block.
import type { ArchiveFormat } from '../plan.ts';

export interface BlockSource extends AsyncDisposable {
  readonly format: ArchiveFormat | 'tar';
  /** What comes next of the tar stream; valid until the next call. `undefined`: the end, all checked. @throws ArchiveError */
  next(): Promise<Buffer | undefined>;
  /** Made by this daemon, so it has a manifest and end blocks, or something is missing. */
  readonly ours: boolean;
  /**
   * Where the stream ends is where its maker ended it: it is one compressed piece, and its trailer was right. Without
   * that, a stream without end blocks may as well have been cut.
   */
  readonly whole: boolean;
  /** The file goes on after the last compressed piece, with something else. */
  readonly trailingBytes: number;
  /** CRC-32 of the stream before the block that `next` gave last; `undefined`: not known. */
  readonly crcBefore: number | undefined;
}
