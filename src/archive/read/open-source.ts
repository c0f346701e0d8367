// Tells by its first bytes what an archive is, whatever its name says.
import type { GzipEngine } from '../gzip/engine.ts';
import { gzipHeaderBytes, gzipMemberLength, zstdFrameLength, zstdPrefixBytes } from '../member-format.ts';
import { ArchiveError } from '../runner.ts';
import { tarBlockBytes, tarField } from '../tar-format.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { BlockSource } from './block-source.ts';
import { GzipSource } from './gzip-source.ts';
import { gzipMembers, MemberSource, zstdMembers } from './member-source.ts';
import { PlainSource } from './plain-source.ts';
import { ZstdSource } from './zstd-source.ts';

/** @throws ArchiveError NOT_AN_ARCHIVE */
export async function openSource(file: ArchiveFile, engine: GzipEngine): Promise<BlockSource> {
  const start = await file.ready(tarBlockBytes);
  if (gzipMemberLength(start.subarray(0, gzipHeaderBytes)) !== undefined) {
    return new MemberSource(file, gzipMembers(engine));
  }
  if (zstdFrameLength(start.subarray(0, zstdPrefixBytes)) !== undefined) return new MemberSource(file, zstdMembers());
  if (start.length >= 2 && start[0] === 0x1f && start[1] === 0x8b) return new GzipSource(file, engine);
  if (isZstd(start)) return new ZstdSource(file);
  if (start.toString('latin1', tarField.magic.at, tarField.magic.at + 5) === 'ustar') return new PlainSource(file);
  throw new ArchiveError('NOT_AN_ARCHIVE', 'the archive is neither gzip nor zstd nor tar');
}

/** A frame, or a skippable one before it. */
function isZstd(start: Buffer): boolean {
  if (start.length < 4) return false;
  const magic = start.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50;
}
