// Reads a finished archive once more, as a restore would, before it counts: each CRC, the tar stream, the manifest, and the
// numbers that go into the sidecar.
import type { Job } from '../job.ts';
import { type ArchiveListener, readArchive } from '../read/read-archive.ts';
import { ArchiveError } from '../runner.ts';

interface Written {
  size: number;
  entries: number;
  contentBytes: number;
}

const deaf: ArchiveListener = {
  entry() {},
  data() {},
  fileEnd() {},
  manifest() {},
};

/** @throws ArchiveError DAMAGED, the signal's reason */
export async function readBack(job: Job, archive: string, written: Written): Promise<void> {
  job.progress.verifying = true;
  // Its counters are those of a reader, and this job's are those of the archiver.
  const reading = { ...job, progress: { bytesDone: 0, bytesTotal: 0, files: 0 } };
  const options = { archive, readLimit: 0, mostEntries: Number.MAX_SAFE_INTEGER };
  const { size, files, contentBytes } = await readArchive(reading, options, deaf);
  if (size !== written.size || files !== written.entries || contentBytes !== written.contentBytes) {
    throw new ArchiveError('DAMAGED', 'the archive that was written does not hold what was read');
  }
}
