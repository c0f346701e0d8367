// A server's directory as the benchmarks of archives need it: the same files from run to run, in the mix of a real one –
// region files that are compressed already, libraries, logs and settings that compress well, thousands of small files.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mebibyte = 1_048_576;
/** Regions keep their chunks in sectors: what is left of the last one is zeros. */
const sectorBytes = 4096;

/** About 830 MB in 6,500 files, of which deflate leaves a bit less than half. */
export function makeGameTree(root: string): { files: number; bytes: number } {
  const tree = new Tree(root);
  for (let world = 0; world < 3; world += 1) {
    for (let region = 0; region < 14; region += 1) {
      tree.write(`world-${world}/region/r.${region}.0.mca`, (random) => regionFile(random, 8 * mebibyte));
    }
  }
  for (let library = 0; library < 40; library += 1) {
    tree.write(`libraries/group-${library % 12}/library-${library}.jar`, (random) => random.bytes(mebibyte));
  }
  for (let log = 0; log < 42; log += 1) tree.write(`logs/log-${log}.log`, (random) => textFile(random, 8 * mebibyte));
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

/** What servers write over and over; `#` is a number, `@` a player. */
const lines = [
  '[Server thread/INFO]: @ joined the game',
  '[Server thread/INFO]: @ left the game',
  '[Server thread/INFO]: @[/203.0.113.7:#] logged in with entity id # at ([world]#.5, 64.0, #.5)',
  "[Server thread/WARN]: Can't keep up! Is the server overloaded? Running #ms or # ticks behind",
  '[Server thread/INFO]: @ has made the advancement [Monster Hunter]',
  '[Server thread/INFO]: @ was slain by Zombie',
  '[Async Chat Thread - #/INFO]: <@> has anybody seen my horse?',
  '[Server thread/INFO]: Saving chunks for level world in dimension minecraft:overworld',
  '[Server thread/INFO]: ThreadedAnvilChunkStorage (DIM-1): All chunks are saved',
  '[User Authenticator ##/INFO]: UUID of player @ is 3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e',
  '[Server thread/INFO]: @ issued server command: /home base-#',
  '[Craft Scheduler Thread - #/WARN]: [Economy] Account of @ was updated: balance #',
];

function textFile(random: Random, length: number): Buffer {
  const text = Buffer.allocUnsafe(length + 512);
  let at = 0;
  for (let second = 0; at < length; second += 1) {
    const clock = new Date(second * 1000).toISOString().slice(11, 19);
    const line = (lines[random.below(lines.length)] ?? '')
      .replace('@', `player_${random.below(40)}`)
      .replace('#', String(random.below(20_000)));
    at += text.write(`[${clock}] ${line}\n`, at, 'latin1');
  }
  return text.subarray(0, length);
}
