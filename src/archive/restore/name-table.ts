// Which files were in an archive so far, and how long they are: a table of hashes, because a million names as text would
// be more memory than the whole job may have. That two of a million names share 53 bits of hash is not to be expected, and
// would only let a link to a missing file be found later.

const firstSlots = 1024;
const fullAt = 0.5;
const { imul } = Math;

export class NameTable {
  /** Hash, never 0, or 0 where nothing is. */
  #hashes = new Float64Array(firstSlots);
  #sizes = new Float64Array(firstSlots);
  #count = 0;

  set(name: Buffer, size: number): void {
    if (this.#count >= this.#hashes.length * fullAt) this.#grow();
    const hash = hashOf(name);
    const slot = this.#slotOf(hash);
    if (this.#hashes[slot] === 0) this.#count += 1;
    this.#hashes[slot] = hash;
    this.#sizes[slot] = size;
  }

  /** `undefined`: not there. */
  get(name: Buffer): number | undefined {
    const hash = hashOf(name);
    const slot = this.#slotOf(hash);
    return this.#hashes[slot] === hash ? this.#sizes[slot] : undefined;
  }

  #slotOf(hash: number): number {
    const slots = this.#hashes.length;
    let slot = hash % slots;
    while (this.#hashes[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) % slots;
    return slot;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const sizes = this.#sizes;
    this.#hashes = new Float64Array(hashes.length * 2);
    this.#sizes = new Float64Array(hashes.length * 2);
    for (const [i, hash] of hashes.entries()) {
      if (hash === 0) continue;
      const slot = this.#slotOf(hash);
      this.#hashes[slot] = hash;
      this.#sizes[slot] = sizes[i] ?? 0;
    }
  }
}

/** 53 bits: two passes of FNV-1a with different starts, the second one mixed further. */
function hashOf(name: Buffer): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (const byte of name) {
    low = imul(low ^ byte, 0x01000193);
    high = imul(high ^ byte, 0x85ebca6b);
    high ^= high >>> 13;
  }
  return ((high >>> 0) % 2 ** 21) * 2 ** 32 + (low >>> 0) || 1;
}
