// Text that somebody else wrote, made to be slow: whoever looks at it takes a time that grows as its length. Were it the
// square, one of these would take many minutes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareAddress } from '../../src/activity/activity.ts';
import { safeLine } from '../../src/cli/safe-text.ts';
import { changedFields } from '../../src/containers/container-labels.ts';
import { parsePath } from '../../src/egg/tree/path.ts';
import { archivePath } from '../../src/http/kube/archives/archive-path.ts';
import { printedLines } from '../../src/http/wings/routes/logs.ts';
import { readServer } from '../../src/panel/server-record.ts';
import { withoutEnd } from '../../src/text/without-end.ts';
import { anyUuid, aServer } from '../support/builders.ts';

const soon = { timeout: 20_000 };
const length = 1024 * 1024;
const run = (text: string) => text.repeat(length / text.length);

test('the end of a text is cut off in one pass', soon, () => {
  for (const [text, expected] of [
    ['', ''],
    ['\r\r', ''],
    ['a\rb \r', 'a\rb'],
    ['\ud83d\ude00\r', '\ud83d\ude00'],
  ] as const) {
    assert.equal(withoutEnd(text, '\r '), expected);
  }
  assert.equal(withoutEnd(`${run('\r')}x`, '\r').length, length + 1);
});

test('what a process printed is cut into lines in one pass', soon, () => {
  const line = `${run('\r')}x`;
  assert.deepEqual(printedLines(`one\r\n${line}\r\r\n`, 2), ['one', line]);
  assert.deepEqual(printedLines('a\nb\nc', 2), ['b', 'c']);
  assert.equal(safeLine(line), 'x');
  assert.equal(safeLine(run('\x1b[1')).length, Math.floor(length / 3));
});

test('paths and addresses of requests are read in one pass', soon, () => {
  assert.throws(() => archivePath(`${run('/')}x`));
  assert.equal(archivePath('./a/b//'), 'a/b');
  assert.equal(bareAddress(`${run('%')}\n`), undefined);
  assert.equal(bareAddress('[fe80::1%eth0]:80'), 'fe80::1');
});

test('labels of images, paths of eggs and mounts of a Panel are read in one pass', soon, () => {
  assert.equal(changedFields(run('aa'), aServer().spec), undefined);
  assert.equal(parsePath(`${run('[1]')}x`)?.length, 1);
  const mounts = [{ source: '/srv/a', target: `/${run('/')}x` }];
  const record = {
    uuid: anyUuid,
    settings: { uuid: anyUuid, mounts, container: { image: 'a' } },
    process_configuration: {},
  };
  assert.equal(readServer(record, 'pelican').spec.mounts.length, 1);
  assert.deepEqual(parsePath('a[0][12]'), [
    { kind: 'key', key: 'a' },
    { kind: 'index', index: 0 },
    { kind: 'index', index: 12 },
  ]);
});
