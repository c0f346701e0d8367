// What every GzipEngine promises: raw deflate that any other tool reads, and nothing that is damaged passes as whole.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { deflateBound, type GzipEngine, type GzipLevel, type Inflater } from '../../src/archive/gzip/engine.ts';
import { frameGzip, gzipHeaderBytes, gzipTrailerBytes } from '../../src/archive/member-format.ts';

const levels: GzipLevel[] = ['none', 'fast', 'best'];
const mebibyte = 1024 * 1024;

export function gzipEngineConformance(name: string, open: () => Promise<GzipEngine>): void {
  for (const level of levels) {
    for (const [kind, content] of Object.entries(samples())) {
      test(`${name}: ${kind}, level ${level}, goes in and comes out`, async () => {
        const engine = await open();
        const deflated = await deflate(engine, content, level);
        assert.deepEqual(inflateRawSync(deflated.data), content);
        assert.equal(deflated.crc, crc32(content));
        const output = Buffer.alloc(content.length);
        assert.deepEqual(await engine.inflate(deflated.data, output), { crc: crc32(content) });
        assert.ok(output.equals(content));
      });
    }
  }

  test(`${name}: the levels differ as their names say`, async () => {
    const engine = await open();
    const content = text(mebibyte);
    const [none = 0, fast = 0, best = 0] = await Promise.all(
      levels.map(async (level) => (await deflate(engine, content, level)).data.length),
    );
    assert.ok(none > content.length && none < content.length + 128, `${none}`);
    assert.ok(fast < content.length / 2, `${fast}`);
    assert.ok(best < fast, `${best} of ${fast}`);
  });

  test(`${name}: many at a time do not disturb each other`, async () => {
    const engine = await open();
    const contents = Array.from({ length: 12 }, (_, index) => mixed(300_000 + index * 1000, index));
    const all = await Promise.all(contents.map((content) => deflate(engine, content, 'fast')));
    const back = await Promise.all(
      all.map(async ({ data }, index) => {
        const output = Buffer.alloc(contents[index]?.length ?? 0);
        await engine.inflate(data, output);
        return output;
      }),
    );
    assert.ok(back.every((output, index) => output.equals(contents[index] ?? Buffer.alloc(0))));
  });

  test(`${name}: members in a row are a file that GNU gzip reads`, async () => {
    const engine = await open();
    const contents = [text(mebibyte), mixed(5, 1), Buffer.alloc(0), text(70_000)];
    const members = await Promise.all(contents.map((content, index) => member(engine, content, levels[index % 3])));
    const read = execFileSync('/usr/bin/gzip', ['-dc'], { input: Buffer.concat(members), maxBuffer: 4 * mebibyte });
    assert.ok(read.equals(Buffer.concat(contents)));
  });

  test(`${name}: what is damaged is said to be damaged (backups 15.10)`, async () => {
    const engine = await open();
    const content = text(200_000);
    const { data } = await deflate(engine, content, 'fast');
    const output = Buffer.alloc(content.length);
    const damaged = { code: 'DAMAGED' };
    await assert.rejects(engine.inflate(data.subarray(0, -1), output), damaged, 'cut');
    await assert.rejects(engine.inflate(Buffer.concat([data, Buffer.from([0])]), output), damaged, 'too much');
    await assert.rejects(engine.inflate(data, output.subarray(1)), damaged, 'longer than it says');
    await assert.rejects(engine.inflate(data, Buffer.alloc(content.length + 1)), damaged, 'shorter than it says');
    await assert.rejects(engine.inflate(Buffer.alloc(0), output), damaged, 'empty');
    await assert.rejects(engine.inflate(Buffer.from([0xff, 0xff, 0xff]), output), damaged, 'no deflate');
    // A flipped bit is not always an error of the format: then the CRC tells.
    for (let at = 0; at < data.length; at += Math.ceil(data.length / 50)) {
      const flipped = Buffer.from(data);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      const answer = await engine.inflate(flipped, output).catch((error) => error);
      assert.ok(answer.code === 'DAMAGED' || answer.crc !== crc32(content), `byte ${at}`);
    }
    // And after all that it still works.
    assert.deepEqual(await engine.inflate(data, output), { crc: crc32(content) });
  });

  for (const [inputBytes, outputBytes] of [
    [1, 1],
    [1, 100_000],
    [7, 100_000],
    [100_000, 7],
    [65_536, 65_536],
    [mebibyte, 262_144],
  ] as const) {
    test(`${name}: a stream inflates by ${inputBytes} bytes in and ${outputBytes} out, and stops where it ends`, async () => {
      const engine = await open();
      const content = inputBytes < 10 || outputBytes === 7 ? mixed(3000, 3) : mixed(1_500_000, 3);
      using inflater = engine.inflater();
      for (const member of [content, text(500), Buffer.alloc(0)]) {
        const deflated = deflateRawSync(member, { level: 6 });
        const file = Buffer.concat([deflated, Buffer.alloc(8, 0xee)]);
        const { output, read } = await inflateStream(
          inflater,
          file,
          () => inputBytes,
          () => outputBytes,
        );
        assert.ok(output.equals(member));
        assert.equal(read, deflated.length);
        assert.equal(inflater.crc, crc32(member));
        inflater.reset();
      }
    });
  }

  test(`${name}: a stream inflates by pieces of any size`, async () => {
    const engine = await open();
    using inflater = engine.inflater();
    for (let round = 0; round < 30; round++) {
      const random = numbers(round);
      const content = Buffer.concat([text(random(8000)), noise(random(2000), round), Buffer.alloc(random(2000))]);
      // Little memory makes many blocks, and so many headers that a piece may end in.
      const deflated = deflateRawSync(content, { level: random(10), memLevel: 1 });
      const file = Buffer.concat([deflated, Buffer.alloc(8, 0xee)]);
      const [maxInput, maxOutput] = [1 + random(300), 1 + random(20)];
      const { output, read } = await inflateStream(
        inflater,
        file,
        () => 1 + random(maxInput),
        () => 1 + random(maxOutput),
      );
      assert.ok(output.equals(content), `round ${round}`);
      assert.equal(read, deflated.length, `round ${round}`);
      inflater.reset();
    }
  });

  test(`${name}: a stream of zeros is handed out piece by piece`, async () => {
    const engine = await open();
    using inflater = engine.inflater();
    const file = Buffer.concat([deflateRawSync(Buffer.alloc(64 * mebibyte)), Buffer.alloc(8)]);
    const output = Buffer.alloc(mebibyte);
    let at = 0;
    let total = 0;
    for (let ended = false; !ended; ) {
      const step = await inflater.run(file.subarray(at), output);
      at += step.read;
      total += step.written;
      ended = step.ended;
    }
    assert.equal(total, 64 * mebibyte);
  });

  test(`${name}: a damaged stream is said to be damaged, and the next member begins anew`, async () => {
    const engine = await open();
    using inflater = engine.inflater();
    const file = deflateRawSync(text(100_000));
    // A block of the type that does not exist.
    file[0] = 0x07;
    await assert.rejects(
      inflateStream(
        inflater,
        file,
        () => 1000,
        () => 100_000,
      ),
      { code: 'DAMAGED' },
    );
    inflater.reset();
    const whole = Buffer.concat([deflateRawSync(text(1000)), Buffer.alloc(8)]);
    assert.ok(
      (
        await inflateStream(
          inflater,
          whole,
          () => 1000,
          () => 1000,
        )
      ).output.equals(text(1000)),
    );
  });
}

async function deflate(engine: GzipEngine, content: Buffer, level: GzipLevel): Promise<{ data: Buffer; crc: number }> {
  const output = Buffer.alloc(deflateBound(content.length));
  const { bytes, crc } = await engine.deflate(content, output, level);
  return { data: output.subarray(0, bytes), crc };
}

async function member(engine: GzipEngine, content: Buffer, level: GzipLevel = 'fast'): Promise<Buffer> {
  const output = Buffer.alloc(gzipHeaderBytes + deflateBound(content.length) + gzipTrailerBytes);
  const { bytes, crc } = await engine.deflate(content, output.subarray(gzipHeaderBytes), level);
  return output.subarray(0, frameGzip(output, bytes, { crc, bytes: content.length }));
}

async function inflateStream(inflater: Inflater, file: Buffer, inputBytes: () => number, outputBytes: () => number) {
  const pieces: Buffer[] = [];
  let read = 0;
  for (let ended = false; !ended; ) {
    const input = Buffer.from(file.subarray(read, read + inputBytes()));
    const output = Buffer.alloc(outputBytes());
    const step = await inflater.run(input, output);
    // The caller's own again, as the contract says.
    input.fill(0x77);
    assert.ok(step.read + step.written > 0 || step.ended || input.length > 0, 'it moves');
    read += step.read;
    pieces.push(output.subarray(0, step.written));
    ended = step.ended;
  }
  return { output: Buffer.concat(pieces), read };
}

function samples(): Record<string, Buffer> {
  return {
    nothing: Buffer.alloc(0),
    'one byte': Buffer.from('x'),
    'one byte less than a stored block': mixed(65_534, 1),
    'a stored block': mixed(65_535, 2),
    'one byte more than a stored block': mixed(65_536, 3),
    'a whole block of text': text(mebibyte),
    'a whole block of zeros': Buffer.alloc(mebibyte),
    'a whole block that does not compress': noise(mebibyte, 5),
  };
}

function text(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'The quick brown fox jumps over the lazy dog, 0123456789 times. ').map((byte, index) =>
    index % 97 === 0 ? 65 + (index % 23) : byte,
  ) as Buffer;
}

/** Text and noise by turns. */
function mixed(bytes: number, seed: number): Buffer {
  const content = text(bytes);
  noise(Math.floor(bytes / 3), seed).copy(content, Math.floor(bytes / 3));
  return content;
}

/** The same bytes each time. */
function noise(bytes: number, seed: number): Buffer {
  const random = numbers(seed);
  return Buffer.alloc(bytes).map(() => random(256)) as Buffer;
}

/** Below a limit; the same ones each time. */
function numbers(seed: number): (limit: number) => number {
  let state = seed + 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
