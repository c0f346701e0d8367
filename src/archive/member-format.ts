// An archive is a row of members of at most 1 MiB of tar stream, each compressed by itself, each saying at its start how
// long it is. So a reader can hand members to several threads, and every other tool sees an ordinary .tar.gz or .tar.zst.
// docs/backup-format.md describes both for people.

/** Bytes of tar stream in a member; the last one, and the one before the manifest, may be shorter. */
export const memberBytes = 1024 * 1024;

/** Ten bytes of RFC 1952, then one extra field of eight: `AI`, length 4, bytes of the whole member from here to its CRC. */
export const gzipHeaderBytes = 20;

/** CRC-32 and length of what is inside, both little endian. */
export const gzipTrailerBytes = 8;

/** RFC 1952: magic, deflate, FEXTRA; no time; unknown system; an extra field of 8 bytes that starts with `AI`, 4. */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 8, 0, 0x41, 0x49, 4, 0, 0, 0, 0, 0]);
const gzipLengthAt = 16;

/** Eight bytes of skippable frame, and in it the length of the frame that follows, as pzstd does it. */
export const zstdPrefixBytes = 12;
const zstdPrefix = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 0, 0, 0, 0]);
const zstdLengthAt = 8;

/** Around a raw deflate stream that stands at `gzipHeaderBytes` already. Answers the bytes of the member. */
export function frameGzip(member: Buffer, deflated: number, content: { crc: number; bytes: number }): number {
  const total = gzipHeaderBytes + deflated + gzipTrailerBytes;
  gzipHeader.copy(member);
  member.writeUInt32LE(total, gzipLengthAt);
  member.writeUInt32LE(content.crc, gzipHeaderBytes + deflated);
  member.writeUInt32LE(content.bytes, gzipHeaderBytes + deflated + 4);
  return total;
}

/** Before a zstd frame of so many bytes. */
export function zstdPrefixOf(frameBytes: number): Buffer {
  const prefix = Buffer.from(zstdPrefix);
  prefix.writeUInt32LE(frameBytes, zstdLengthAt);
  return prefix;
}

/**
 * The length of the whole member that starts here, as it claims itself; `undefined`: not one of ours, or fewer bytes than
 * the header. Not to be trusted before it was compared with what a member can have at most.
 */
export function gzipMemberLength(start: Buffer): number | undefined {
  if (start.length < gzipHeaderBytes || start.compare(gzipHeader, 0, gzipLengthAt, 0, gzipLengthAt) !== 0)
    return undefined;
  return start.readUInt32LE(gzipLengthAt);
}

/** The length of the zstd frame after the prefix that starts here; `undefined` as above. */
export function zstdFrameLength(start: Buffer): number | undefined {
  if (start.length < zstdPrefixBytes || start.compare(zstdPrefix, 0, zstdLengthAt, 0, zstdLengthAt) !== 0)
    return undefined;
  return start.readUInt32LE(zstdLengthAt);
}
