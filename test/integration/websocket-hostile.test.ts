// Clients that mean harm: what they send costs the node little, and the others on it nothing.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { anyUuid } from '../support/builders.ts';
import { ConsoleNode, panelOrigin } from '../support/console-node.ts';
import { clientFrame, opcodes, RawSocket } from '../support/raw-socket.ts';
import { until } from '../support/until.ts';

const mebibyte = 1024 * 1024;
const deflate = 'permessage-deflate; client_no_context_takeover';

async function attacked(t: TestContext, extensions?: string): Promise<{ node: ConsoleNode; socket: RawSocket }> {
  const node = await ConsoleNode.start(t);
  await node.add();
  return { node, socket: await attacker(t, node, extensions) };
}

async function attacker(t: TestContext, node: ConsoleNode, extensions?: string): Promise<RawSocket> {
  const socket = await RawSocket.open({
    ...{ port: node.port, uuid: anyUuid, origin: panelOrigin },
    ...(extensions ? { extensions } : {}),
  });
  t.after(() => socket.socket.destroy());
  return socket;
}

/** Others are served as if nothing were. */
async function stillServes(node: ConsoleNode): Promise<void> {
  const client = await node.login();
  node.print('still here');
  await client.until('a line', () => client.lines.includes('still here'));
}

/** What remains on the heap after the work, in MiB. */
async function heapGrowth(work: () => Promise<void>): Promise<number> {
  global.gc?.();
  const before = process.memoryUsage().heapUsed;
  await work();
  global.gc?.();
  return (process.memoryUsage().heapUsed - before) / mebibyte;
}

test('a hundred thousand empty fragments end the socket, not the node (covers: SEC-45)', async (t) => {
  const { node, socket } = await attacked(t);
  const growth = await heapGrowth(async () => {
    await socket.write(clientFrame(Buffer.alloc(0), { opcode: opcodes.text, fin: false }));
    const one = clientFrame(Buffer.alloc(0), { opcode: opcodes.continuation, fin: false });
    await socket.write(Buffer.concat(Array.from({ length: 100_000 }, () => one)));
    assert.equal(await socket.untilClosed(), 1008);
  });
  assert.ok(growth < 10, `${growth} MiB`);
  await stillServes(node);
});

test('a message in seventeen pieces is one too many, in sixteen it is one message (covers: SEC-45)', async (t) => {
  const { node, socket } = await attacked(t);
  const message = Buffer.from('{"event":"send logs"}');
  const pieces = (count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, index) =>
        clientFrame(message.subarray(index, index === count - 1 ? undefined : index + 1), {
          opcode: index === 0 ? opcodes.text : opcodes.continuation,
          fin: index === count - 1,
        }),
      ),
    );
  const answered = new Promise((resolve) => socket.socket.once('data', resolve));
  await socket.write(pieces(16));
  assert.match(String(await answered), /no jwt present/);
  await socket.write(pieces(17));
  assert.equal(await socket.untilClosed(), 1008);
  await stillServes(node);
});

for (const [what, bytes] of [
  ['fragment', clientFrame(Buffer.from('{"event"'), { opcode: opcodes.text, fin: false })],
  ['header', Buffer.from([0x81])],
  ['frame', clientFrame(Buffer.from('{"event":"auth"}'), { opcode: opcodes.text }).subarray(0, 9)],
] as const) {
  test(`a ${what} that is never finished ends the socket after ten seconds (covers: SEC-45)`, async (t) => {
    const { node, socket } = await attacked(t);
    await socket.write(bytes);
    await stillServes(node);
    await node.clock.advance(9_000);
    assert.equal(socket.closed, false);
    await node.clock.advance(1_000);
    await until('the close frame', 30_000, async () => socket.closeCode !== undefined);
    assert.equal(socket.closeCode, 1008);
    await node.clock.advance(5_000);
    await socket.untilClosed();
  });
}

const bomb = deflateRawSync(Buffer.alloc(64 * mebibyte, ' '));

for (const size of [4_096, 32_000]) {
  test(`${size} bytes that inflate beyond 32 KiB are refused before they have, on ten sockets at once (covers: SEC-45)`, async (t) => {
    const { node, socket } = await attacked(t, deflate);
    const sockets = [socket];
    while (sockets.length < 10) sockets.push(await attacker(t, node, deflate));
    const growth = await heapGrowth(async () => {
      const frame = clientFrame(bomb.subarray(0, size), { opcode: opcodes.text, compressed: true });
      await Promise.all(sockets.map((one) => one.write(frame)));
      for (const one of sockets) assert.equal(await one.untilClosed(), 1009);
    });
    assert.ok(growth < 10, `${growth} MiB`);
    await stillServes(node);
  });
}

test('what is announced as larger than allowed is refused by its header (covers: SEC-45)', async (t) => {
  const { node, socket } = await attacked(t);
  await socket.write(clientFrame(Buffer.alloc(0), { opcode: opcodes.text }).subarray(0, 0));
  await socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
  assert.equal(await socket.untilClosed(), 1009);
  await stillServes(node);
});

for (const [what, bytes, code] of [
  ['text that is no UTF-8', clientFrame(Buffer.from([0xc3, 0x28]), { opcode: opcodes.text }), 1007],
  [
    'compressed bytes without the extension',
    clientFrame(Buffer.from([1]), { opcode: opcodes.text, compressed: true }),
    1002,
  ],
  ['a frame without a mask', clientFrame(Buffer.from('{}'), { opcode: opcodes.text, masked: false }), 1002],
  ['an opcode that is none', clientFrame(Buffer.alloc(0), { opcode: 5 }), 1002],
  ['a continuation of nothing', clientFrame(Buffer.alloc(0), { opcode: opcodes.continuation }), 1002],
] as const) {
  test(`${what} ends the socket with ${code} (covers: SEC-45)`, async (t) => {
    const { node, socket } = await attacked(t);
    await socket.write(bytes);
    assert.equal(await socket.untilClosed(), code);
    await stillServes(node);
  });
}

test('bytes that inflate to nothing sensible end the socket (covers: SEC-45)', async (t) => {
  const { node, socket } = await attacked(t, deflate);
  await socket.write(clientFrame(Buffer.from('garbage'), { opcode: opcodes.text, compressed: true }));
  assert.equal(await socket.untilClosed(), 1007);
  await stillServes(node);
});

test('a flood of messages costs its sender the messages (covers: SEC-46)', async (t) => {
  const { node, socket } = await attacked(t);
  const one = clientFrame(Buffer.from('{"event":"auth","args":["x"]}'), { opcode: opcodes.text });
  const growth = await heapGrowth(() => socket.write(Buffer.concat(Array.from({ length: 50_000 }, () => one))));
  await stillServes(node);
  assert.ok(growth < 20, `${growth} MiB`);
  assert.equal(socket.closed, false);
});

test('a flood of pings is answered or ends the socket, and harms nobody (covers: SEC-45)', async (t) => {
  const { node, socket } = await attacked(t);
  socket.socket.pause();
  const one = clientFrame(Buffer.alloc(100), { opcode: opcodes.ping });
  const growth = await heapGrowth(async () => {
    const written = socket.write(Buffer.concat(Array.from({ length: 50_000 }, () => one)));
    await Promise.race([written, new Promise((resolve) => setTimeout(resolve, 500))]);
  });
  assert.ok(growth < 20, `${growth} MiB`);
  await stillServes(node);
});

test('a connection that vanishes in the middle of a message leaves nothing behind (covers: SEC-44)', async (t) => {
  const { node, socket } = await attacked(t);
  for (let index = 0; index < 50; index++) {
    const other = await RawSocket.open({ port: node.port, uuid: anyUuid, origin: panelOrigin });
    await other.write(Buffer.from([0x81, 0x90]));
    other.socket.resetAndDestroy();
  }
  socket.socket.destroy();
  await stillServes(node);
});
