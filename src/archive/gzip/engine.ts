// The one small module that compression sits behind: ISA-L where the machine has it, Node's zlib otherwise. Whole members
// go through threads, and so does each piece of a stream. test/conformance/gzip-engine.ts is its definition.

export type GzipLevel = 'none' | 'fast' | 'best';

export interface GzipEngine {
  readonly name: 'isal' | 'zlib';
  /**
   * One raw deflate stream that is whole, made in a thread. `output` holds `deflateBound(input.length)` bytes at least.
   * Neither buffer may be touched before the promise settles. Answers the bytes written and the CRC-32 of the input.
   */
  deflate(input: Buffer, output: Buffer, level: GzipLevel): Promise<{ bytes: number; crc: number }>;
  /**
   * The reverse, in a thread: `input` is exactly one raw deflate stream, `output` exactly as long as what is in it.
   * Answers the CRC-32 of the output. @throws ArchiveError DAMAGED
   */
  inflate(input: Buffer, output: Buffer): Promise<{ crc: number }>;
  /** A deflate stream of unknown length, piece by piece, each piece in a thread. */
  inflater(): Inflater;
}

export interface Inflater extends Disposable {
  /**
   * Reads from `input` and writes to `output` until one of them is used up or the deflate stream ends, in a thread: one
   * call at a time, and the buffers are not touched before it settles. `crc` is that of everything written since the
   * last reset. @throws ArchiveError DAMAGED
   */
  run(input: Buffer, output: Buffer): Promise<{ read: number; written: number; ended: boolean }>;
  readonly crc: number;
  /** Begins the next member. */
  reset(): void;
}

/** What deflate makes of the worst input, with room for a stored block every 64 KiB. */
export function deflateBound(bytes: number): number {
  return bytes + Math.ceil(bytes / 16_384) * 8 + 64;
}
