// Lines that wait for another thread. Bounded by bytes, and so that a flood of long lines never takes the room of short
// ones: what a game says when it is up is short.

/** Of memory, the lines' own bookkeeping included. Some 100,000 lines of ordinary length. */
const maxQueuedBytes = 16 * 1024 * 1024;

/** Lines above this length find room in the first half only. */
const shortLineBytes = 4096;

/** What a queued line costs beside its bytes. */
const bytesPerLine = 64;

/** A batch ends with the line that reaches it: small enough that servers take turns, large enough to be worth one. */
const batchBytes = 64 * 1024;

/** Lines laid end to end; `ends[i]` is where line i ends. Both arrays own their memory and may be transferred. */
export interface LineBatch {
  bytes: Uint8Array<ArrayBuffer>;
  ends: Uint32Array<ArrayBuffer>;
}

export class LineQueue {
  #lines: Buffer[] = [];
  #bytes = 0;

  get length(): number {
    return this.#lines.length;
  }

  /** Copies the line. `false`: there is no room for it. */
  push(line: Buffer): boolean {
    const room = line.length > shortLineBytes ? maxQueuedBytes / 2 : maxQueuedBytes;
    if (this.#bytes + line.length + bytesPerLine > room) return false;
    this.#lines.push(Buffer.from(line));
    this.#bytes += line.length + bytesPerLine;
    return true;
  }

  /** The oldest lines; `undefined` when there are none. */
  takeBatch(): LineBatch | undefined {
    let count = 0;
    let length = 0;
    for (const line of this.#lines) {
      count += 1;
      length += line.length;
      if (length + count * bytesPerLine >= batchBytes) break;
    }
    if (count === 0) return undefined;
    const batch = { bytes: new Uint8Array(length), ends: new Uint32Array(count) };
    let end = 0;
    for (const [index, line] of this.#lines.splice(0, count).entries()) {
      batch.bytes.set(line, end);
      end += line.length;
      batch.ends[index] = end;
    }
    this.#bytes -= length + count * bytesPerLine;
    return batch;
  }

  clear(): void {
    this.#lines = [];
    this.#bytes = 0;
  }
}

/** The lines of a batch, without copying. */
export function* linesOf({ bytes, ends }: LineBatch): Generator<Buffer> {
  let start = 0;
  for (const end of ends) {
    yield Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    start = end;
  }
}
