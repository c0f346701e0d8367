// A server's directory as the benchmarks of archives need it: the same files from run to run, in the mix of a real one –
// region files that are compressed already, libraries, logs and settings that compress well, thousands of small files.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mebibyte = 1_048_576;
/** Regions keep their chunks in sectors: what is left of the last one is zeros. */
const sectorBytes = 4096;

/** About 840 MB in 6,500 files, of which deflate leaves half. */
export function makeGameTree(root: string): { files: number; bytes: number } {
  const tree = new Tree(root);
  for (let world = 0; world < 3; world += 1) {
    for (let region = 0; region < 9; region += 1) {
      tree.write(`world-${world}/region/r.${region}.0.mca`, (random) => regionFile(random, 8 * mebibyte));
    }
  }
  for (let library = 0; library < 40; library += 1) {
    tree.write(`libraries/group-${library % 12}/library-${library}.jar`, (random) => random.bytes(mebibyte));
  }
  for (let log = 0; log < 58; log += 1) tree.write(`logs/log-${log}.log`, (random) => textFile(random, 8 * mebibyte));
  for (let small = 0; small < 6_400; small += 1) {
    const path = `plugins/plugin-${small % 80}/data/player-${small}.json`;
    tree.write(path, (random) => textFile(random, 1_024 + random.below(24 * 1024)));
  }
  return tree;
}

/** 100,000 files of 4 KiB. */
export function makeSmallFilesTree(root: string): { files: number; bytes: number } {
  const tree = new Tree(root);
  for (let file = 0; file < 100_000; file += 1) {
    tree.write(`folder-${file % 500}/file-${file}.dat`, (random) => textFile(random, 4096));
  }
  return tree;
}

class Tree {
  files = 0;
  bytes = 0;
  readonly #root: string;
  readonly #random = new Random(0x5eed);
  readonly #made = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  write(path: string, content: (random: Random) => Buffer): void {
    const directory = join(this.#root, path.slice(0, path.lastIndexOf('/')));
    if (!this.#made.has(directory)) mkdirSync(directory, { recursive: true });
    this.#made.add(directory);
    const data = content(this.#random);
    writeFileSync(join(this.#root, path), data);
    this.files += 1;
    this.bytes += data.length;
  }
}

/** xorshift128: fast, and the same everywhere. */
class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, seed ^ 0x9e3779b9, seed ^ 0x243f6a88, seed ^ 0xb7e15162);
  }

  next(): number {
    const state = this.#state;
    let t = state[3] ?? 0;
    const s = state[0] ?? 0;
    state[3] = state[2] ?? 0;
    state[2] = state[1] ?? 0;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0] ?? 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  bytes(length: number): Buffer {
    const words = new Uint32Array(Math.ceil(length / 4));
    for (let at = 0; at < words.length; at += 1) words[at] = this.next();
    return Buffer.from(words.buffer, 0, length);
  }
}

function regionFile(random: Random, length: number): Buffer {
  const data = random.bytes(length);
  for (let at = 0; at < length; at += sectorBytes) {
    if (random.below(3) === 0) data.fill(0, at + random.below(sectorBytes), at + sectorBytes);
  }
  return data;
}

const words =
  'INFO WARN player joined left the game chunk loaded saved world region entity block broke placed chat command issued server tick took seconds position rotation inventory slot item count damage level experience health food minecraft:stone minecraft:dirt {"uuid": "name": "value": true false null'.split(
    ' ',
  );

function textFile(random: Random, length: number): Buffer {
  const text = Buffer.allocUnsafe(length + 64);
  let at = 0;
  let column = 0;
  while (at < length) {
    if (column === 0)
      at += text.write(
        `[12:${10 + random.below(50)}:${10 + random.below(50)}] [thread-${random.below(9)}] `,
        at,
        'latin1',
      );
    at += text.write(
      random.below(6) === 0 ? `${random.below(100_000)} ` : `${words[random.below(words.length)]} `,
      at,
      'latin1',
    );
    column = (column + 1) % 12;
    if (column === 0) text[at - 1] = 0x0a;
  }
  return text.subarray(0, length);
}
