// Console bytes in, lines out, by the rules of the Wings protocol: a line ends at LF, a CR directly before it goes, empty
// lines are dropped, and inside a line the pair space and CR becomes CR LF. Text after the last LF waits for the next one.
// Holds at most one line of 64 KiB, whatever comes in; a longer one is cut and nothing of it is lost.

/** Bytes of a line at most; what is longer goes on as another line. */
export const maxLineBytes = 65_536;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

/** With two bytes more than a line may have, the first of them is known not to be the CR of its end. */
const heldBytes = maxLineBytes + 2;
const firstCapacity = 4096;

export class LineSplitter {
  #held = Buffer.alloc(0);
  #length = 0;

  /** Lines may share memory with `chunk`, which must not be changed afterwards. Nothing of it is kept here. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(lineFeed, start);
      if (end === -1) {
        this.#hold(chunk.subarray(start), lines);
        break;
      }
      const part = chunk.subarray(start, end);
      if (this.#length === 0) addLine(part, lines);
      else this.#completeHeld(part, lines);
      start = end + 1;
    }
    return lines;
  }

  /** At the end of the stream: what waited for its line end. */
  flush(): Buffer[] {
    const lines: Buffer[] = [];
    addPieces(this.#takeHeld(), lines);
    return lines;
  }

  #completeHeld(part: Buffer, lines: Buffer[]): void {
    this.#hold(part, lines);
    addLine(this.#takeHeld(), lines);
  }

  #hold(part: Buffer, lines: Buffer[]): void {
    let taken = 0;
    while (taken < part.length) {
      const count = Math.min(part.length - taken, heldBytes - this.#length);
      this.#reserve(this.#length + count);
      part.copy(this.#held, this.#length, taken, taken + count);
      this.#length += count;
      taken += count;
      if (this.#length === heldBytes) this.#cutHeld(lines);
    }
  }

  #cutHeld(lines: Buffer[]): void {
    const held = this.#held.subarray(0, this.#length);
    const cut = cutPoint(held);
    addPiece(Buffer.from(held.subarray(0, cut)), lines);
    held.copyWithin(0, cut);
    this.#length -= cut;
  }

  /** A copy: the buffer is used again. */
  #takeHeld(): Buffer {
    const line = Buffer.from(this.#held.subarray(0, this.#length));
    this.#length = 0;
    return line;
  }

  #reserve(capacity: number): void {
    if (capacity <= this.#held.length) return;
    const doubled = Math.max(capacity, this.#held.length * 2, firstCapacity);
    const larger = Buffer.alloc(Math.min(doubled, heldBytes));
    this.#held.copy(larger, 0, 0, this.#length);
    this.#held = larger;
  }
}

/** `line` is everything before a LF. */
function addLine(line: Buffer, lines: Buffer[]): void {
  addPieces(line.at(-1) === carriageReturn ? line.subarray(0, -1) : line, lines);
}

function addPieces(line: Buffer, lines: Buffer[]): void {
  let rest = line;
  while (rest.length > maxLineBytes) {
    const cut = cutPoint(rest);
    addPiece(rest.subarray(0, cut), lines);
    rest = rest.subarray(cut);
  }
  addPiece(rest, lines);
}

function addPiece(piece: Buffer, lines: Buffer[]): void {
  if (piece.length > 0) lines.push(withScreenLines(piece));
}

/** Where to cut a longer line: not inside a character, nor between a space and a CR. */
function cutPoint(line: Buffer): number {
  const next = line[maxLineBytes] ?? 0;
  if (next === carriageReturn && line[maxLineBytes - 1] === space) return maxLineBytes - 1;
  if (!isContinuation(next)) return maxLineBytes;
  for (let back = 1; back <= 3; back++) {
    const byte = line[maxLineBytes - back] ?? 0;
    if (isContinuation(byte)) continue;
    return sequenceLength(byte) > back ? maxLineBytes - back : maxLineBytes;
  }
  return maxLineBytes;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Of the UTF-8 sequence that this byte leads; 1 for what leads none. */
function sequenceLength(lead: number): number {
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  if (lead >= 0xe0) return lead < 0xf0 ? 3 : 1;
  return lead >= 0xc2 ? 2 : 1;
}

const spaceReturn = Buffer.from(' \r');

/** Games redraw a line with space and CR: each such redraw becomes a screen line of its own within the same event. */
function withScreenLines(line: Buffer): Buffer {
  let at = line.indexOf(spaceReturn);
  if (at === -1) return line;
  const copy = Buffer.from(line);
  while (at !== -1) {
    copy[at] = carriageReturn;
    copy[at + 1] = lineFeed;
    at = copy.indexOf(spaceReturn, at + 2);
  }
  return copy;
}
