// Archives over the kube API: whole, in ranges, one path of them; who may read, how many at once, and how it ends.
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { after, before, beforeEach, test } from 'node:test';
import { ArchiveError, type ArchiveErrorCode } from '../../src/archive/runner.ts';
import { byteRange } from '../../src/http/byte-range.ts';
import { archivePath } from '../../src/http/kube/archives/archive-path.ts';
import type { BackupPhase } from '../../src/resources/backup.ts';
import { ArchiveDoor } from '../support/archive-door.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Kube, openKube } from '../support/kube.ts';
import { until } from '../support/until.ts';

const backupsPath = '/apis/aileron.dev/v1/backups';
const clock = new FakeClock(Date.now());
let door: ArchiveDoor;
let kube: Kube;
before(async () => {
  door = new ArchiveDoor();
  kube = await openKube({ server: { archives: door, clock } });
});
after(() => kube.close());
beforeEach(() => {
  for (const job of door.jobs) job.end();
  door.jobs.length = 0;
  door.onJob = () => {};
});

/** Written past admission: what a controller would have come to. */
async function backup(name: string, bytes: Buffer | undefined, phase: BackupPhase = 'Completed'): Promise<string> {
  const uuid = randomUUID();
  if (bytes) door.archives.set(uuid, bytes);
  const checksum = createHash('sha1')
    .update(bytes ?? '')
    .digest('hex');
  const archive = { size: bytes?.length ?? 0, checksum, checksumType: 'sha1', format: 'gzip' };
  const created = await kube.store.create({
    apiVersion: 'aileron.dev/v1',
    kind: 'Backup',
    metadata: { name },
    spec: {
      uuid,
      serverRef: { name: 'demo', uuid: randomUUID() },
      adapter: 'wings',
      ignore: '',
      locked: false,
      cancel: false,
    },
  });
  await kube.store.updateStatus({ ...created, status: { phase, ...(phase === 'Completed' ? { archive } : {}) } });
  return uuid;
}

/** An answer whose body the test reads by itself. */
async function open(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const outgoing = request(`https://127.0.0.1:${kube.port}${path}`, {
    ca: kube.pki.caCertificate,
    agent: false,
    headers: { authorization: `Bearer ${kube.pki.token}`, ...headers },
  });
  outgoing.on('error', () => {});
  outgoing.end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  answer.on('error', () => {});
  return answer;
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('one range of bytes is understood, everything else is passed over', () => {
  const cases: [string | undefined, ReturnType<typeof byteRange>][] = [
    [undefined, 'all'],
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=10-', { start: 10, end: 99 }],
    ['BYTES=98-200', { start: 98, end: 99 }],
    ['bytes=-5', { start: 95, end: 99 }],
    ['bytes=-500', { start: 0, end: 99 }],
    ['bytes=-0', 'none'],
    ['bytes=100-', 'none'],
    ['bytes=9-0', 'all'],
    ['bytes=-', 'all'],
    ['bytes=0-1,5-6', 'all'],
    ['lines=0-1', 'all'],
    ['bytes=1e1-', 'all'],
    ['bytes=99999999999999999-', 'all'],
  ];
  for (const [header, range] of cases) assert.deepEqual(byteRange(header, 100), range, header);
  assert.equal(byteRange('bytes=0-', 0), 'none');
});

test('a path in an archive has whole components and leads nowhere else (covers: SEC-09)', () => {
  for (const [given, meant] of [
    ['a', 'a'],
    ['./a/b/', 'a/b'],
    ['plugins/.hidden', 'plugins/.hidden'],
    ['a/...', 'a/...'],
  ])
    assert.equal(archivePath(given), meant);
  const bad = [
    undefined,
    '',
    '/',
    './',
    '.',
    '..',
    '/etc/passwd',
    'a//b',
    'a/../b',
    'a/./b',
    'a\0b',
    `${'x'.repeat(256)}`,
    'é'.repeat(128),
    `${'a/'.repeat(2048)}a`,
    'a/'.repeat(129),
  ];
  for (const given of bad) assert.throws(() => archivePath(given), { name: 'StatusError' }, given);
});

test('an archive comes whole, with its length, its name and the tag of its bytes', async () => {
  const bytes = randomBytes(300_000);
  const uuid = await backup('whole', bytes);
  const answer = await open(`${backupsPath}/whole/archive`);
  assert.equal(answer.statusCode, 200);
  const { headers } = answer;
  assert.equal(headers['content-length'], '300000');
  assert.equal(headers['content-type'], 'application/gzip');
  assert.equal(headers['content-disposition'], `attachment; filename="${uuid}.tar.gz"`);
  assert.equal(headers['accept-ranges'], 'bytes');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['cache-control'], 'no-cache, private');
  assert.equal(headers.etag, `"${createHash('sha1').update(bytes).digest('hex')}"`);
  assert.deepEqual(await bytesOf(answer), bytes);
});

test('a range of an archive is 206, one without a byte is 416, one of other bytes is the whole', async () => {
  const bytes = randomBytes(1_000);
  await backup('ranges', bytes);
  const path = `${backupsPath}/ranges/archive`;
  const part = await open(path, { range: 'bytes=400-' });
  assert.deepEqual(
    [part.statusCode, part.headers['content-range'], part.headers['content-length']],
    [206, 'bytes 400-999/1000', '600'],
  );
  assert.deepEqual(await bytesOf(part), bytes.subarray(400));

  const beyond = await kube.call('GET', path, { headers: { range: 'bytes=1000-' } });
  assert.deepEqual(
    [beyond.code, beyond.json.reason, beyond.headers['content-range']],
    [416, 'RequestedRangeNotSatisfiable', 'bytes */1000'],
  );
  const tag = String(part.headers.etag);
  assert.equal((await open(path, { range: 'bytes=1-2', 'if-range': tag })).statusCode, 206);
  assert.equal((await open(path, { range: 'bytes=1-2', 'if-range': '"other"' })).statusCode, 200);
});

test('what has no archive is 404 or 409, and strangers learn nothing', async () => {
  await backup('running', undefined, 'Archiving');
  await backup('failed', undefined, 'Failed');
  await backup('lost', undefined);
  const cases: [string, number, string, RegExp][] = [
    ['ghost', 404, 'NotFound', /^backups\.aileron\.dev "ghost" not found$/],
    ['running', 409, 'Conflict', /has no archive: it is Archiving, not Completed$/],
    ['failed', 409, 'Conflict', /it is Failed, not Completed$/],
    ['lost', 404, 'NotFound', /"lost": its archive is not there any more$/],
  ];
  for (const [name, code, reason, message] of cases) {
    for (const what of ['archive', 'contents?path=a']) {
      const { json, code: answered } = await kube.call('GET', `${backupsPath}/${name}/${what}`);
      assert.deepEqual([answered, json.kind, json.reason], [code, 'Status', reason], name);
      assert.match(json.message, message);
    }
  }
  for (const what of ['archive', 'contents?path=a']) {
    const path = `${backupsPath}/ghost/${what}`;
    assert.equal((await kube.call('GET', path, { authorization: null })).code, 401);
    assert.equal((await kube.call('DELETE', path.split('?')[0] ?? '')).code, 405);
  }
  assert.equal((await kube.call('GET', '/apis/aileron.dev/v1/servers/demo/archive')).code, 404);
});

test('an archive is read no faster than it is taken, and no further when the reader goes', async () => {
  const bytes = Buffer.alloc(64 * 1024 * 1024);
  await backup('slow', bytes);
  const before = door.bytesRead;
  const answer = await open(`${backupsPath}/slow/archive`);
  answer.pause();
  let last = -1;
  await until('the reading pauses', 10_000, async () => {
    const paused = door.bytesRead === last;
    last = door.bytesRead;
    return paused;
  });
  assert.ok(door.bytesRead - before < bytes.length / 2, `${door.bytesRead - before} bytes were read`);
  assert.equal(door.openReads, 1);
  answer.destroy();
  await until('the archive is closed', 10_000, async () => door.openReads === 0);
});

test('a reader that takes nothing is given up', async () => {
  await backup('stalled', Buffer.alloc(64 * 1024 * 1024));
  const answer = await open(`${backupsPath}/stalled/archive`);
  answer.pause();
  await until('the archive is open', 10_000, async () => door.openReads === 1);
  await until('it is given up', 10_000, async () => {
    await clock.advance(15_000);
    return door.openReads === 0;
  });
});

test('one path of an archive: a file as it is, a directory as a tar', async () => {
  const uuid = await backup('paths', randomBytes(10));
  door.onJob = ({ plan, output, onFound, end }) => {
    const isFile = plan.path.endsWith('.txt');
    onFound(isFile ? { type: 'file', size: 5 } : { type: 'directory' });
    output.end(isFile ? 'hello' : 'a tar');
    end();
  };
  const file = await open(`${backupsPath}/paths/contents?path=${encodeURIComponent('./logs/a "ü".txt')}`);
  assert.deepEqual(door.jobs[0]?.plan, {
    kind: 'read-path',
    archive: `/archives/${uuid}.tar.gz`,
    path: 'logs/a "ü".txt',
  });
  assert.deepEqual(
    [
      file.statusCode,
      file.headers['content-type'],
      file.headers['content-length'],
      file.headers['aileron-content'],
      file.headers['content-disposition'],
    ],
    [
      200,
      'application/octet-stream',
      '5',
      'file',
      `attachment; filename="a ___.txt"; filename*=UTF-8''a%20%22%C3%BC%22.txt`,
    ],
  );
  assert.equal(String(await bytesOf(file)), 'hello');

  const directory = await open(`${backupsPath}/paths/contents?path=logs`);
  assert.deepEqual(
    [
      directory.headers['content-type'],
      directory.headers['content-length'],
      directory.headers['aileron-content'],
      directory.headers['content-disposition'],
    ],
    ['application/x-tar', undefined, 'directory', `attachment; filename="logs.tar"; filename*=UTF-8''logs.tar`],
  );
  assert.equal(String(await bytesOf(directory)), 'a tar');
});

test('a path that cannot be read is a Status', async () => {
  await backup('unreadable', randomBytes(10));
  const contents = (path: string) => kube.call('GET', `${backupsPath}/unreadable/contents?path=${path}`);
  for (const path of ['', '..%2F..%2Fetc', '%2Fetc%2Fpasswd', 'a%00b'])
    assert.deepEqual([(await contents(path)).code, door.jobs.length], [400, 0], path);
  const codes: [ArchiveErrorCode, number][] = [
    ['NOT_FOUND', 404],
    ['DAMAGED', 422],
    ['NOT_AN_ARCHIVE', 422],
    ['CRASHED', 500],
  ];
  for (const [code, expected] of codes) {
    door.onJob = ({ end }) => end(new ArchiveError(code, 'it is so'));
    const answer = await contents('world');
    assert.deepEqual([answer.code, answer.json.kind], [expected, 'Status'], code);
    if (code === 'NOT_FOUND') assert.match(answer.json.message, /there is no "world" in its archive$/);
  }
});

test('what fails in the middle is cut short, not ended', async () => {
  await backup('broken', randomBytes(10));
  door.onJob = ({ output, onFound, end }) => {
    onFound({ type: 'directory' });
    output.write('the first half');
    setImmediate(() => end(new ArchiveError('DAMAGED', 'it is cut')));
  };
  const answer = await open(`${backupsPath}/broken/contents?path=world`);
  assert.equal(answer.statusCode, 200);
  await assert.rejects(bytesOf(answer), /aborted/);
});

test('two paths at a time are read on a node, and reading ends when the client goes (covers: SEC-24)', async () => {
  await backup('busy', randomBytes(10));
  const path = `${backupsPath}/busy/contents?path=world`;
  const abandon = () => {
    const outgoing = request(`https://127.0.0.1:${kube.port}${path}`, {
      ca: kube.pki.caCertificate,
      agent: false,
      headers: { authorization: `Bearer ${kube.pki.token}` },
    });
    outgoing.on('error', () => {});
    outgoing.end();
    return () => outgoing.destroy();
  };
  const ends = [abandon(), abandon()];
  await until('both are read', 10_000, async () => door.jobs.length === 2);
  const third = await kube.call('GET', path);
  assert.deepEqual([third.code, third.json.reason, third.headers['retry-after']], [429, 'TooManyRequests', '5']);

  ends[0]?.();
  await until('the first is ended', 10_000, async () => door.jobs[0]?.signal.aborted);
  assert.equal(door.jobs[1]?.signal.aborted, false);
  door.onJob = ({ output, onFound, end }) => {
    onFound({ type: 'file', size: 0 });
    output.end();
    end();
  };
  assert.equal((await kube.call('GET', path)).code, 200);
  ends[1]?.();
  await until('the second is ended', 10_000, async () => door.jobs[1]?.signal.aborted);
});

test('discovery and OpenAPI tell of them, and they are counted', async () => {
  const { json: list } = await kube.call('GET', '/apis/aileron.dev/v1');
  const subresources = list.resources.filter(({ name }: { name: string }) => /^backups\/(?!status)/.test(name));
  assert.deepEqual(
    subresources.map(({ name, verbs }: { name: string; verbs: string[] }) => [name, verbs]),
    [
      ['backups/archive', ['get']],
      ['backups/contents', ['get']],
    ],
  );
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { json: aggregated } = await kube.call('GET', '/apis', { headers: { accept } });
  const entry = aggregated.items[0].versions[0].resources.find(
    ({ resource }: { resource: string }) => resource === 'backups',
  );
  assert.deepEqual(
    entry.subresources.map(({ subresource }: { subresource: string }) => subresource),
    ['status', 'archive', 'contents'],
  );
  const { json: index } = await kube.call('GET', '/openapi/v3');
  const { json: document } = await kube.call('GET', index.paths['apis/aileron.dev/v1'].serverRelativeURL);
  const operation = document.paths[`${backupsPath}/{name}/contents`].get;
  assert.deepEqual(
    operation.parameters.map(({ name, required }: { name: string; required: boolean }) => [name, required]),
    [['path', true]],
  );
  assert.ok(document.paths[`${backupsPath}/{name}/archive`].get.responses['200'].content['application/gzip']);

  await backup('counted', randomBytes(10));
  await kube.call('GET', `${backupsPath}/counted/archive`);
  const metrics = await kube.registry.metrics();
  assert.match(metrics, /apiserver_request_total\{verb="CONNECT",[^}]*resource="backups",code="200"\} [1-9]/);
  assert.doesNotMatch(metrics, /apiserver_request_duration_seconds_count\{verb="CONNECT"/);
});
