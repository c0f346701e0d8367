// A file that can only be written over must come through a disk that is full or fails on the way.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type OpenFile, writeInPlace } from '../../../src/config/write-in-place.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'write-in-place-'));
});

afterEach(() => rm(root, { recursive: true, force: true }));

const old = 'the old text, which is whole\n';

/** Fails from the `nth` write on, for `times` of them, when half of the bytes are there. */
async function written(text: string, { nth = 0, times = 0 } = {}): Promise<string> {
  const path = join(root, 'file');
  await writeFile(path, old);
  await using handle = await open(path, 'r+');
  let writes = 0;
  const file: OpenFile = {
    readFile: () => handle.readFile(),
    truncate: (length) => handle.truncate(length),
    sync: () => handle.sync(),
    write: async (bytes, from, length, at) => {
      writes += 1;
      if (writes < nth || writes >= nth + times) return handle.write(bytes, from, length, at);
      await handle.write(bytes, from, length >> 1, at);
      throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    },
  };
  await writeInPlace(file, Buffer.from(text)).catch((error) => {
    if (nth === 0) throw error;
  });
  return readFile(path, 'utf8');
}

const longer = 'the new text, which is quite a bit longer than the old one\n';
const shorter = 'new\n';

test('what is written is there, be it longer or shorter', async () => {
  for (const text of [longer, shorter, old, '']) assert.equal(await written(text), text);
});

test('the old text is back, whichever part of the new one failed', async () => {
  for (const [text, nth] of [
    [longer, 1],
    [longer, 2],
    [shorter, 1],
  ] as const)
    assert.equal(await written(text, { nth, times: 1 }), old, `write ${nth} of ${text}`);
});

test('room is found before a byte of the old text is touched', async () => {
  assert.equal(await written(longer, { nth: 1, times: 9 }), old);
});

const unshare = '/usr/bin/unshare';
/** A mount needs a name space of its own, which needs root. */
const mounts = process.getuid?.() === 0 && existsSync(unshare);

test('config.yml comes through a full disk as it was, where it is a mount point', { skip: !mounts }, async () => {
  const path = join(root, 'config.yml');
  const text = `token: x\nlong: ${'y'.repeat(4_020)}\nsystem: {data: /srv}\n`;
  assert.ok(text.length < 4_096 && text.length > 4_050);
  await writeFile(path, '', { mode: 0o600 });
  await mkdir(join(root, 'small'));
  await writeFile(join(root, 'text'), text);
  const module = join(import.meta.dirname, '../../../src/config/write-config.ts');
  const script = `import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { writeConfig } from ${JSON.stringify(module)};
process.chdir(${JSON.stringify(root)});
execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', 'small']);
copyFileSync('text', 'small/config.yml');
try { writeFileSync('small/filler', Buffer.alloc(64 * 1024)); } catch (error) { if (error.code !== 'ENOSPC') throw error; }
execFileSync('/bin/mount', ['--bind', 'small/config.yml', 'config.yml']);
const changes = [{ path: ['token'], value: 'z'.repeat(100) }];
const end = await writeConfig(${JSON.stringify(path)}, changes, { warn: () => {} }).catch((error) => error.message);
console.log(JSON.stringify([end, readFileSync('config.yml', 'utf8') === readFileSync('text', 'utf8')]));
`;
  await writeFile(join(root, 'script.ts'), script);
  let out: string;
  try {
    out = execFileSync(unshare, ['--mount', process.execPath, join(root, 'script.ts')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    // Some sandboxes let nobody mount.
    if (/(?:unshare|mount).*(?:denied|not permitted)/i.test(String((error as { stderr?: string }).stderr))) return;
    throw error;
  }
  const [end, whole] = JSON.parse(out);
  assert.match(end, /config\.yml cannot be written \(ENOSPC.*full/);
  assert.doesNotMatch(end, /let the user/);
  assert.equal(whole, true);
});
