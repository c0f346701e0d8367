// A directory as no test would think of it: names of any bytes, sizes around the edges of blocks and members, links of both
// kinds, holes, modes, times. The same seed makes the same tree, but for the content of files.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { pathsBelow } from './tree-look.ts';

const mebibyte = 1024 ** 2;

export class RandomTree {
  #state: number;
  readonly #files: Buffer[] = [];
  #bytesLeft = 24 * mebibyte;

  constructor(seed: number) {
    this.#state = seed;
  }

  fill(root: string): void {
    this.#directory(Buffer.from(root), 0);
    for (const path of pathsBelow(Buffer.from(root))) {
      const seconds = this.#below(2 ** 31) - 1000;
      lutimesSync(path, seconds, seconds);
    }
  }

  #directory(path: Buffer, depth: number): void {
    const entries = depth === 0 ? 25 : this.#below(8);
    for (let i = 0; i < entries; i++) {
      const entry = Buffer.concat([path, Buffer.from('/'), this.#name()]);
      if (existsSync(entry)) continue;
      const kind = this.#below(10);
      if (kind < 3 && depth < 6) {
        mkdirSync(entry);
        this.#directory(entry, depth + 1);
        chmodSync(entry, 0o700 | this.#below(0o100));
      } else if (kind === 3) symlinkSync(this.#target(), entry);
      else if (kind === 4 && this.#files.length > 0)
        linkSync(this.#files[this.#below(this.#files.length)] ?? '', entry);
      else this.#file(entry);
    }
  }

  #file(path: Buffer): void {
    const size = Math.min(this.#bytesLeft, this.#size());
    this.#bytesLeft -= size;
    const content = this.#below(3) === 0 ? Buffer.alloc(size) : Buffer.alloc(size, randomBytes(1 + this.#below(5000)));
    for (let hole = 0; hole < this.#below(3); hole++) content.fill(0, this.#below(size + 1), this.#below(size + 1));
    writeFileSync(path, content);
    chmodSync(path, this.#below(0o1000));
    this.#files.push(path);
  }

  #size(): number {
    const edges = [
      0,
      1,
      511,
      512,
      513,
      4096,
      65_535,
      65_536,
      65_537,
      mebibyte - 512,
      mebibyte - 1,
      mebibyte,
      mebibyte + 1,
    ];
    return this.#below(2) === 0 ? (edges[this.#below(edges.length)] ?? 0) : this.#below(200_000);
  }

  #name(): Buffer {
    const name = Buffer.from(
      Array.from({ length: 1 + this.#below(this.#below(10) === 0 ? 255 : 20) }, () => this.#byte()),
    );
    return name.equals(Buffer.from('.')) || name.equals(Buffer.from('..')) ? Buffer.from('dots') : name;
  }

  #target(): Buffer {
    return Buffer.concat(Array.from({ length: 1 + this.#below(5) }, () => this.#name()));
  }

  /** Neither zero nor slash. */
  #byte(): number {
    const byte = 1 + this.#below(255);
    return byte === 0x2f ? 0x30 : byte;
  }

  #below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}
