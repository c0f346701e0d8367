// Writes over a file that no other can take the place of. A disk that is full is noticed before a byte of the old content
// is touched, and after any other failure the old bytes are written back. A power cut on the way may leave both in part:
// where a file can be replaced, write-durable.ts does that.
import type { FileHandle } from 'node:fs/promises';

/** What of a file is needed, open for reading and writing. */
export interface OpenFile extends Pick<FileHandle, 'truncate' | 'sync'> {
  readFile(): Promise<Buffer>;
  write(bytes: Buffer, from: number, length: number, at: number): Promise<{ bytesWritten: number }>;
}

/** @throws what the system says; the old content is there then. Else the message says that it is not. */
export async function writeInPlace(file: OpenFile, text: Buffer): Promise<void> {
  const old = await file.readFile();
  try {
    if (text.length > old.length) {
      await write(file, text, old.length, text.length);
      await file.sync();
    }
    await write(file, text, 0, Math.min(old.length, text.length));
    await file.truncate(text.length);
    await file.sync();
  } catch (error) {
    await putBack(file, old, error as Error);
    throw error;
  }
}

/** First makes room, then fills what was there before. */
async function putBack(file: OpenFile, old: Buffer, reason: Error): Promise<void> {
  try {
    await file.truncate(old.length);
    await write(file, old, 0, old.length);
    await file.sync();
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`${reason.message}; the old content could not be put back: ${why}`, { cause: error });
  }
}

async function write(file: OpenFile, bytes: Buffer, start: number, end: number): Promise<void> {
  for (let at = start; at < end; ) at += (await file.write(bytes, at, end - at, at)).bytesWritten;
}
