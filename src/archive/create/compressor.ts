// A block of tar stream made into one whole member, ready to be written: gzip, or zstd.
import { promisify } from 'node:util';
import { constants, crc32, zstdCompress } from 'node:zlib';
import { deflateBound, type GzipEngine, type GzipLevel } from '../gzip/engine.ts';
import { frameGzip, gzipHeaderBytes, gzipTrailerBytes, memberBytes, zstdPrefixOf } from '../member-format.ts';

export interface Compressed {
  /** In the order they are written. Valid until the block is used again. */
  pieces: readonly Buffer[];
  /** CRC-32 of what went in. */
  crc: number;
}

export interface Block {
  /** `memberBytes` of tar stream. */
  readonly input: Buffer;
  /** In threads; the block is not touched before it settles. */
  compress(bytes: number): Promise<Compressed>;
}

/** zstd has nothing like stored blocks; the first is its least effort. */
const zstdLevels = { none: -7, fast: 1, best: 12 } as const;

const zstd = promisify(zstdCompress);

export function gzipBlock(engine: GzipEngine, level: GzipLevel): Block {
  const input = Buffer.allocUnsafeSlow(memberBytes);
  const member = Buffer.allocUnsafeSlow(gzipHeaderBytes + deflateBound(memberBytes) + gzipTrailerBytes);
  const deflated = member.subarray(gzipHeaderBytes);
  return {
    input,
    async compress(bytes) {
      const result = await engine.deflate(input.subarray(0, bytes), deflated, level);
      const total = frameGzip(member, result.bytes, { crc: result.crc, bytes });
      return { pieces: [member.subarray(0, total)], crc: result.crc };
    },
  };
}

export function zstdBlock(level: GzipLevel): Block {
  const input = Buffer.allocUnsafeSlow(memberBytes);
  return {
    input,
    async compress(bytes) {
      const content = input.subarray(0, bytes);
      const frame = await zstd(content, {
        params: {
          [constants.ZSTD_c_compressionLevel]: zstdLevels[level],
          [constants.ZSTD_c_contentSizeFlag]: 1,
          [constants.ZSTD_c_checksumFlag]: 1,
        },
        pledgedSrcSize: bytes,
      });
      return { pieces: [zstdPrefixOf(frame.length), frame], crc: crc32(content) };
    },
  };
}
