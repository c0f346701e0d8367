// The last lines of something, bounded by their number and by their bytes, whichever is reached first.

export interface LineRingOptions {
  maxLines: number;
  /** UTF-8 bytes of all lines together. */
  maxBytes: number;
}

const nothing = { text: '', bytes: 0 };

export class LineRing {
  readonly #maxLines: number;
  readonly #maxBytes: number;
  readonly #lines: { text: string; bytes: number }[] = [];
  /** Index of the oldest line once the ring is full of lines. */
  #first = 0;
  #count = 0;
  #bytes = 0;

  constructor({ maxLines, maxBytes }: LineRingOptions) {
    this.#maxLines = Math.max(0, maxLines);
    this.#maxBytes = Math.max(0, maxBytes);
  }

  get length(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest lines make room. A line that is too large on its own is cut. */
  push(line: string): void {
    if (this.#maxLines === 0) return;
    const entry = fitted(line, this.#maxBytes);
    if (this.#count === this.#maxLines) this.#dropOldest();
    while (this.#count > 0 && this.#bytes + entry.bytes > this.#maxBytes) this.#dropOldest();
    this.#lines[(this.#first + this.#count) % this.#maxLines] = entry;
    this.#count += 1;
    this.#bytes += entry.bytes;
  }

  /** Up to `count` lines, oldest first. */
  tail(count: number): string[] {
    const wanted = Math.min(Math.max(0, count), this.#count);
    const tail: string[] = [];
    for (let age = wanted; age > 0; age--) {
      const entry = this.#lines[(this.#first + this.#count - age) % this.#maxLines];
      if (entry) tail.push(entry.text);
    }
    return tail;
  }

  #dropOldest(): void {
    const oldest = this.#lines[this.#first];
    if (oldest) this.#bytes -= oldest.bytes;
    this.#lines[this.#first] = nothing;
    this.#first = (this.#first + 1) % this.#maxLines;
    this.#count -= 1;
  }
}

function fitted(line: string, maxBytes: number): { text: string; bytes: number } {
  const bytes = Buffer.byteLength(line);
  if (bytes <= maxBytes) return { text: line, bytes };
  const cut = Buffer.from(line).subarray(0, maxBytes);
  // A character that the cut goes through would come back as U+FFFD, which may be longer than what was cut.
  const text = new TextDecoder().decode(cut, { stream: true });
  return { text, bytes: Buffer.byteLength(text) };
}
