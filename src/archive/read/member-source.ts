// Reads an archive of ours: each member says how long it is, so several are decompressed at a time in threads while the
// one before them is used. Blocks come in order, each after its CRC and its length were found right. Memory is a
// constant: members on their way, 2 MiB each.
import { availableParallelism } from 'node:os';
import { zstdDecompress } from 'node:zlib';
import { deflateBound, type GzipEngine } from '../gzip/engine.ts';
import {
  gzipHeaderBytes,
  gzipMemberLength,
  gzipTrailerBytes,
  memberBytes,
  zstdFrameLength,
  zstdPrefixBytes,
} from '../member-format.ts';
import { ArchiveError } from '../runner.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { BlockSource } from './block-source.ts';
import { combineCrc } from './crc-combine.ts';

/** More at a time gains nothing: files are written by one thread. */
const maxThreads = 4;
const longestMember = gzipHeaderBytes + deflateBound(memberBytes) + gzipTrailerBytes;

interface Block {
  bytes: Buffer;
  /** `undefined`: the format has none that we see. */
  crc: number | undefined;
}

interface Slot {
  member: Buffer;
  content: Buffer;
}

interface Members {
  format: 'gzip' | 'zstd';
  headerBytes: number;
  /** Of the whole member; `undefined`: none starts here. */
  lengthAt(start: Buffer): number | undefined;
  /** @throws ArchiveError DAMAGED */
  decompress(member: Buffer, content: Buffer): Promise<Block>;
}

/** What is left after the last member, and does not start like anything compressed, is none of ours. */
const compressedStarts = [Buffer.from([0x1f, 0x8b]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd])];

export class MemberSource implements BlockSource {
  readonly ours = true;
  readonly whole = false;
  trailingBytes = 0;
  crcBefore: number | undefined = 0;
  readonly #file: ArchiveFile;
  readonly #members: Members;
  readonly #free: Slot[] = [];
  #slotsToMake = Math.min(maxThreads, availableParallelism()) + 2;
  readonly #underWay: { slot: Slot; block: Promise<Block> }[] = [];
  #delivered: Slot | undefined;
  #deliveredCrc: number | undefined = 0;
  #ended = false;

  constructor(file: ArchiveFile, members: Members) {
    this.#file = file;
    this.#members = members;
  }

  get format(): 'gzip' | 'zstd' {
    return this.#members.format;
  }

  async next(): Promise<Buffer | undefined> {
    if (this.#delivered) this.#free.push(this.#delivered);
    this.#delivered = undefined;
    await this.#startMembers();
    const first = this.#underWay.shift();
    if (!first) return undefined;
    this.#delivered = first.slot;
    const { bytes, crc } = await first.block;
    this.crcBefore = this.#deliveredCrc;
    const known = crc !== undefined && this.crcBefore !== undefined;
    this.#deliveredCrc = known ? combineCrc(this.crcBefore ?? 0, crc ?? 0, bytes.length) : undefined;
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#underWay.map(({ block }) => block));
  }

  async #startMembers(): Promise<void> {
    while (!this.#ended) {
      const slot = this.#free.pop() ?? this.#newSlot();
      if (!slot) return;
      const member = await this.#readMember(slot);
      if (!member) {
        this.#free.push(slot);
        return;
      }
      const block = this.#members.decompress(member, slot.content);
      // Awaited in its turn; a failure before that must not end the process.
      block.catch(() => undefined);
      this.#underWay.push({ slot, block });
    }
  }

  /** As many as there are members under way: a short archive takes less memory. */
  #newSlot(): Slot | undefined {
    if (this.#slotsToMake === 0) return undefined;
    this.#slotsToMake -= 1;
    return { member: Buffer.allocUnsafeSlow(longestMember), content: Buffer.allocUnsafeSlow(memberBytes) };
  }

  async #readMember(slot: Slot): Promise<Buffer | undefined> {
    const start = await this.#file.ready(this.#members.headerBytes);
    const length = this.#members.lengthAt(start);
    if (length === undefined) {
      this.#ended = true;
      if (compressedStarts.some((magic) => start.subarray(0, magic.length).equals(magic))) {
        throw new ArchiveError('DAMAGED', 'a part of the archive does not say how long it is');
      }
      this.trailingBytes = await this.#file.drain();
      return undefined;
    }
    if (length <= this.#members.headerBytes || length > slot.member.length) {
      throw new ArchiveError('DAMAGED', 'a part of the archive gives itself an impossible length');
    }
    const member = slot.member.subarray(0, length);
    if (await this.#file.read(member)) return member;
    throw new ArchiveError('DAMAGED', 'the archive is cut short');
  }
}

export function gzipMembers(engine: GzipEngine): Members {
  return {
    format: 'gzip',
    headerBytes: gzipHeaderBytes,
    lengthAt: gzipMemberLength,
    async decompress(member, content) {
      const trailer = member.length - gzipTrailerBytes;
      if (trailer < gzipHeaderBytes) throw new ArchiveError('DAMAGED', 'a part of the archive is too short');
      const bytes = member.readUInt32LE(trailer + 4);
      if (bytes > memberBytes) throw new ArchiveError('DAMAGED', 'a part of the archive is too long');
      const output = content.subarray(0, bytes);
      const { crc } = await engine.inflate(member.subarray(gzipHeaderBytes, trailer), output);
      if (crc !== member.readUInt32LE(trailer)) throw wrongChecksum();
      return { bytes: output, crc };
    },
  };
}

export function zstdMembers(): Members {
  return {
    format: 'zstd',
    headerBytes: zstdPrefixBytes,
    lengthAt(start) {
      const frame = zstdFrameLength(start);
      return frame === undefined ? undefined : zstdPrefixBytes + frame;
    },
    decompress: (member) =>
      new Promise((resolve, reject) => {
        zstdDecompress(member.subarray(zstdPrefixBytes), { maxOutputLength: memberBytes }, (error, bytes) => {
          if (error) reject(new ArchiveError('DAMAGED', 'a part of the archive is damaged', { cause: error }));
          else resolve({ bytes, crc: undefined });
        });
      }),
  };
}

export function wrongChecksum(): ArchiveError {
  return new ArchiveError('DAMAGED', 'the content of the archive does not match its checksum');
}
