// The content of a small file, whatever happens to it meanwhile.
import { closeSync, readSync } from 'node:fs';
import type { OpenFile } from './open-directory.ts';

/** No more than the size it had when it was opened; less if it shrank. Closes it. */
export function readOpenFile({ fd, stat }: OpenFile): Buffer {
  try {
    const content = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < content.length) {
      const read = readSync(fd, content, length, content.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return content.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
