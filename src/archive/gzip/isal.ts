// Deflate by Intel's ISA-L, called from the library that the distribution has, in libuv's threads. Its two structs are
// laid out here as igzip_lib.h of ISA-L 2.30 has them; before the library is used it must prove on a sample that they fit.
// Level 9 is zlib's here too, because ISA-L has nothing like it.
import { randomBytes } from 'node:crypto';
import { endianness } from 'node:os';
import koffi from 'koffi';
import { ArchiveError } from '../runner.ts';
import { deflateBound, type GzipEngine, type GzipLevel, type Inflater } from './engine.ts';
import { store } from './stored.ts';
import { zlibDeflate } from './zlib.ts';

/** The ABI that the layouts below belong to. */
const libraryName = 'libisal.so.2';

/** `struct isal_zstream`: 82,384 bytes, and room to notice if it is more. */
const deflateState = {
  bytes: 82_384,
  nextIn: 0,
  availIn: 8,
  nextOut: 16,
  availOut: 24,
  totalOut: 28,
  level: 40,
  levelBufferBytes: 44,
  levelBuffer: 48,
  endOfStream: 56,
  wrapper: 60,
} as const;

/** `struct inflate_state`. */
const inflateState = {
  bytes: 87_368,
  nextOut: 0,
  availOut: 8,
  totalOut: 12,
  nextIn: 16,
  /** Bits read ahead, lowest first, and how many they are. */
  readIn: 24,
  availIn: 32,
  readInBits: 36,
  blockState: 21_160,
  wrapper: 21_172,
  crc: 21_176,
} as const;

/** ISAL_DEF_LVL2_LARGE and ISAL_DEF_LVL1_LARGE are less. */
const levelBufferBytes = 352 * 1024;

/** As fast as level 1 on what servers have, and three percent smaller. */
const fastLevel = 2;

/** IGZIP_GZIP_NO_HDR: CRC-32 and length, eight bytes, follow the deflate stream. */
const withTrailer = 2;
const trailerBytes = 8;

/** ISAL_GZIP_NO_HDR: the CRC-32 is kept, nothing is expected after the deflate stream. */
const withCrc = 2;
/** ISAL_BLOCK_FINISH. */
const finished = 5;
/** ISAL_BLOCK_HDR: what it has of a block's header is kept apart and follows what it read ahead. */
const withinHeader = 1;
const ok = 0;
/** ISAL_END_INPUT and ISAL_OUT_OVERFLOW: one of the buffers is used up. */
const needsMore = new Set([ok, 1, 2]);

/** Beyond the end of a struct; a library with larger ones writes there. */
const canary = 0x5a;
const slackBytes = 4096;

/** What koffi gives each call in a thread; ISA-L builds its tables on the stack. */
const threadStackBytes = 512 * 1024;

type Call = (state: Buffer) => Promise<number>;

interface Library {
  deflate: Call;
  inflate: Call;
  inflatePiece: Call;
  crc32: (data: Buffer) => Promise<number>;
  initDeflate: (state: Buffer) => void;
  initInflate: (state: Buffer) => void;
}

interface DeflateContext {
  state: Buffer;
  levelBuffer: Buffer;
}

export class IsalEngine implements GzipEngine {
  readonly name = 'isal';
  readonly #library: Library;
  readonly #deflateContexts: DeflateContext[] = [];
  readonly #inflateStates: Buffer[] = [];

  private constructor(library: Library) {
    this.#library = library;
  }

  /** @throws what is wrong: no such library, or not one that these layouts fit */
  static async load(): Promise<IsalEngine> {
    if (endianness() !== 'LE' || !['x64', 'arm64'].includes(process.arch)) {
      throw new Error(`the layouts of its structs are not known on ${process.arch}`);
    }
    const engine = new IsalEngine(loadLibrary());
    await engine.#prove();
    return engine;
  }

  async deflate(input: Buffer, output: Buffer, level: GzipLevel): Promise<{ bytes: number; crc: number }> {
    if (level === 'best') return zlibDeflate(input, output, level);
    if (level === 'none') return { bytes: store(input, output), crc: await this.#library.crc32(input) };
    const context = this.#deflateContexts.pop() ?? newDeflateContext();
    const { state, levelBuffer } = context;
    this.#library.initDeflate(state);
    state.writeBigUInt64LE(addressOf(input), deflateState.nextIn);
    state.writeUInt32LE(input.length, deflateState.availIn);
    state.writeBigUInt64LE(addressOf(output), deflateState.nextOut);
    state.writeUInt32LE(output.length, deflateState.availOut);
    state.writeUInt32LE(fastLevel, deflateState.level);
    state.writeUInt32LE(levelBuffer.length, deflateState.levelBufferBytes);
    state.writeBigUInt64LE(addressOf(levelBuffer), deflateState.levelBuffer);
    state.writeUInt16LE(1, deflateState.endOfStream);
    state.writeUInt16LE(withTrailer, deflateState.wrapper);
    const answer = await this.#library.deflate(state);
    const bytes = state.readUInt32LE(deflateState.totalOut) - trailerBytes;
    if (answer !== ok) throw new ArchiveError('FAILED', `the compressor answered ${answer}`);
    this.#deflateContexts.push(context);
    return { bytes, crc: output.readUInt32LE(bytes) };
  }

  async inflate(input: Buffer, output: Buffer): Promise<{ crc: number }> {
    const state = this.#inflateStates.pop() ?? newState(inflateState.bytes);
    this.#library.initInflate(state);
    lendBuffers(state, input, output);
    const answer = await this.#library.inflate(state);
    const unread = state.readUInt32LE(inflateState.availIn);
    const written = state.readUInt32LE(inflateState.totalOut);
    const crc = state.readUInt32LE(inflateState.crc);
    this.#inflateStates.push(state);
    if (answer !== ok || unread !== 0 || written !== output.length) throw damaged();
    return { crc };
  }

  inflater(): Inflater {
    return new IsalInflater(this.#library);
  }

  /** A round trip of what compresses and what does not, after which nothing beyond the structs was touched. */
  async #prove(): Promise<void> {
    const sample = Buffer.concat([Buffer.alloc(70_000, 'all work and no play '), randomBytes(70_000)]);
    const deflated = Buffer.alloc(deflateBound(sample.length));
    const { bytes, crc } = await this.deflate(sample, deflated, 'fast');
    const whole = Buffer.alloc(sample.length);
    const pieces = Buffer.alloc(sample.length);
    const inflated = await this.inflate(deflated.subarray(0, bytes), whole);
    using inflater = new IsalInflater(this.#library);
    const piece = await inflater.run(deflated.subarray(0, bytes), pieces);
    const proven =
      whole.equals(sample) &&
      pieces.equals(sample) &&
      piece.ended &&
      [inflated.crc, inflater.crc, await this.#library.crc32(sample)].every((other) => other === crc) &&
      this.#deflateContexts.every(({ state }) => isIntact(state, deflateState.bytes)) &&
      this.#inflateStates.every((state) => isIntact(state, inflateState.bytes)) &&
      inflater.isIntact();
    if (!proven) throw new Error('its structs are not those of ISA-L 2.30');
  }
}

class IsalInflater implements Inflater {
  readonly #library: Library;
  readonly #state = newState(inflateState.bytes);

  constructor(library: Library) {
    this.#library = library;
    library.initInflate(this.#state);
  }

  async run(input: Buffer, output: Buffer): Promise<{ read: number; written: number; ended: boolean }> {
    lendBuffers(this.#state, input, output);
    const answer = await this.#library.inflatePiece(this.#state);
    if (!needsMore.has(answer)) throw damaged();
    const blockState = this.#state.readUInt32LE(inflateState.blockState);
    const ended = blockState === finished;
    const written = output.length - this.#state.readUInt32LE(inflateState.availOut);
    const read = input.length - this.#state.readUInt32LE(inflateState.availIn);
    const mayGiveBack = ended || (written === output.length && blockState !== withinHeader);
    return { read: mayGiveBack ? read - this.#giveBack(read) : read, written, ended };
  }

  /**
   * It reads up to eight bytes ahead. When it stops for another reason than the end of the input, those may be of the
   * next member, or be in a buffer that is used for something else by then. Answers how many it did not read after all.
   */
  #giveBack(read: number): number {
    const bits = this.#state.readInt32LE(inflateState.readInBits);
    const bytes = Math.min(Math.max(bits >> 3, 0), read);
    const kept = bits - bytes * 8;
    const ahead = this.#state.readBigUInt64LE(inflateState.readIn);
    this.#state.writeBigUInt64LE(BigInt.asUintN(Math.max(kept, 0), ahead), inflateState.readIn);
    this.#state.writeInt32LE(kept, inflateState.readInBits);
    return bytes;
  }

  get crc(): number {
    return this.#state.readUInt32LE(inflateState.crc);
  }

  reset(): void {
    this.#library.initInflate(this.#state);
  }

  isIntact(): boolean {
    return isIntact(this.#state, inflateState.bytes);
  }

  [Symbol.dispose](): void {
    // Its memory is a Buffer's; there is nothing else to give back.
  }
}

let loaded: Library | undefined;

/** Once in a process: settings of koffi cannot change after a library is loaded. */
function loadLibrary(): Library {
  if (loaded) return loaded;
  koffi.config({ async_stack_size: threadStackBytes });
  const isal = koffi.load(libraryName);
  const call = (name: string): Call => {
    const native = isal.func(name, 'int', ['void *']);
    return (state) =>
      new Promise((resolve, reject) => {
        native.async(state, (error: Error | null, answer: number) => (error ? reject(error) : resolve(answer)));
      });
  };
  const crc32 = isal.func('crc32_gzip_refl', 'uint32', ['uint32', 'void *', 'uint64']);
  loaded = {
    deflate: call('isal_deflate_stateless'),
    inflate: call('isal_inflate_stateless'),
    inflatePiece: call('isal_inflate'),
    crc32: (data) =>
      new Promise((resolve, reject) => {
        const done = (error: Error | null, crc: number) => (error ? reject(error) : resolve(crc));
        crc32.async(0, data, data.length, done);
      }),
    initDeflate: isal.func('isal_deflate_stateless_init', 'void', ['void *']),
    initInflate: isal.func('isal_inflate_init', 'void', ['void *']),
  };
  return loaded;
}

function lendBuffers(state: Buffer, input: Buffer, output: Buffer): void {
  state.writeBigUInt64LE(addressOf(input), inflateState.nextIn);
  state.writeUInt32LE(input.length, inflateState.availIn);
  state.writeBigUInt64LE(addressOf(output), inflateState.nextOut);
  state.writeUInt32LE(output.length, inflateState.availOut);
  state.writeUInt32LE(withCrc, inflateState.wrapper);
}

function newDeflateContext(): DeflateContext {
  return { state: newState(deflateState.bytes), levelBuffer: Buffer.alloc(levelBufferBytes) };
}

function newState(bytes: number): Buffer {
  return Buffer.alloc(bytes + slackBytes, canary);
}

function isIntact(state: Buffer, bytes: number): boolean {
  return state.subarray(bytes).every((byte) => byte === canary);
}

/** The caller keeps the buffer alive until the call is over. Nothing is ever read from the address of an empty one. */
function addressOf(buffer: Buffer): bigint {
  return buffer.length === 0 ? 0n : BigInt(koffi.address(buffer));
}

function damaged(): ArchiveError {
  return new ArchiveError('DAMAGED', 'the archive is damaged: what was compressed cannot be read');
}
