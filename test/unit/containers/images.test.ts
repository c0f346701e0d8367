import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  fallbackLine,
  ImageError,
  ImagePuller,
  type ImagePullerOptions,
  type ImageRequest,
  pullFinishedLine,
  pullStartedLine,
} from '../../../src/containers/images.ts';
import { PullTimeoutError } from '../../../src/containers/shared-pull.ts';
import { DockerError, DockerUnreachableError, type PullOptions } from '../../../src/docker/engine.ts';
import { silentLogger } from '../../../src/telemetry/log.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

interface Pull {
  reference: string;
  options: PullOptions;
  done(): void;
  fail(error: Error): void;
}

function setUp({ local = [] as string[], sendPlatform = false } = {}) {
  const pulls: Pull[] = [];
  const clock = new FakeClock();
  const docker = {
    inspectImage: async (reference: string) => (local.includes(reference) ? { id: 'sha256:1' } : undefined),
    info: async () => ({ os: 'Debian GNU/Linux 12 (bookworm)', osType: 'linux', arch: 'amd64' }),
    pullImage: (reference: string, options: PullOptions) =>
      new Promise<void>((resolve, reject) => {
        pulls.push({ reference, options, done: resolve, fail: reject });
      }),
  } as unknown as ImagePullerOptions['docker'];
  const puller = new ImagePuller({ docker, clock, log: silentLogger, timeoutMs: 900_000, sendPlatform });
  return { puller, pulls, clock, docker };
}

function aRequest(changes: Partial<ImageRequest> = {}) {
  const lines: string[] = [];
  const progress: string[] = [];
  const abort = new AbortController();
  const request: ImageRequest = {
    image: 'game:1',
    policy: 'Always',
    onLine: (line) => void lines.push(line),
    onProgress: (text) => void progress.push(text),
    signal: abort.signal,
    ...changes,
  };
  return { request, lines, progress, abort };
}

test('a pull says that it began, and that it finished only when it did', async () => {
  const { puller, pulls } = setUp();
  const { request, lines } = aRequest();
  const outcome = puller.ensureImage(request);
  await settle();
  assert.deepEqual(lines, [pullStartedLine]);
  pulls[0]?.done();
  assert.deepEqual(await outcome, { reference: 'game:1', pulled: true, fallback: false });
  assert.deepEqual(lines, [pullStartedLine, pullFinishedLine]);
});

for (const [image, policy, here, outcome] of [
  ['~game:1', 'Always', true, 'local'],
  ['~game:1', 'Always', false, 'error'],
  ['game:1', 'Never', true, 'local'],
  ['game:1', 'Never', false, 'error'],
  ['game:1', 'IfNotPresent', true, 'local'],
  ['game:1', 'IfNotPresent', false, 'pull'],
  ['game:1', 'Always', true, 'pull'],
] as const) {
  test(`${image} with ${policy}, ${here ? 'here' : 'not here'}: ${outcome}`, async () => {
    const { puller, pulls } = setUp({ local: here ? ['game:1'] : [] });
    const { request, lines } = aRequest({ image, policy });
    const result = puller.ensureImage(request);
    if (outcome === 'pull') {
      await settle();
      assert.equal(pulls.length, 1);
      pulls[0]?.done();
      assert.equal((await result).pulled, true);
      return;
    }
    if (outcome === 'error') await assert.rejects(result, ImageError);
    else assert.deepEqual(await result, { reference: 'game:1', pulled: false, fallback: false });
    assert.equal(pulls.length, 0);
    assert.deepEqual(lines, []);
  });
}

test('a pull that fails falls back to the copy on this node', async () => {
  const { puller, pulls } = setUp({ local: ['game:1'] });
  const { request, lines } = aRequest();
  const outcome = puller.ensureImage(request);
  await settle();
  pulls[0]?.fail(new DockerError(500, 'no route to registry'));
  assert.deepEqual(await outcome, { reference: 'game:1', pulled: false, fallback: true });
  assert.deepEqual(lines, [pullStartedLine, fallbackLine]);
});

test('a pull that fails with no copy here is an error with the words of Wings', async () => {
  const { puller, pulls } = setUp();
  const { request, lines } = aRequest();
  const outcome = puller.ensureImage(request);
  await settle();
  const cause = new DockerError(404, 'manifest unknown');
  pulls[0]?.fail(cause);
  await assert.rejects(outcome, (error: unknown) => {
    assert.ok(error instanceof ImageError);
    assert.equal(error.message, 'failed to pull "game:1" image for server');
    assert.equal(error.cause, cause);
    return true;
  });
  assert.deepEqual(lines, [pullStartedLine]);
});

test('Docker away is not a registry that fails', async () => {
  const { puller, pulls } = setUp({ local: ['game:1'] });
  const { request } = aRequest();
  const outcome = puller.ensureImage(request);
  await settle();
  pulls[0]?.fail(new DockerUnreachableError('nobody answers'));
  await assert.rejects(outcome, DockerUnreachableError);
});

test('a pull ends when its time is up, with nothing left running', async () => {
  const { puller, pulls, clock } = setUp({ local: ['game:1'] });
  const { request } = aRequest();
  const outcome = puller.ensureImage(request);
  const failed = assert.rejects(outcome, (error: unknown) => {
    assert.ok(error instanceof ImageError && error.cause instanceof PullTimeoutError);
    return true;
  });
  await clock.advance(899_999);
  assert.equal(pulls[0]?.options.signal?.aborted, false);
  await clock.advance(1);
  await failed;
  assert.equal(pulls[0]?.options.signal?.aborted, true);
  assert.equal(clock.pendingTimers, 0);
});

test('servers that want the same image share one pull', async () => {
  const { puller, pulls } = setUp();
  const first = aRequest();
  const second = aRequest();
  const outcomes = [puller.ensureImage(first.request), puller.ensureImage(second.request)];
  await settle();
  assert.equal(pulls.length, 1);
  pulls[0]?.options.onProgress?.({ status: 'Pulling from game', progress: '' });
  pulls[0]?.done();
  for (const { pulled } of await Promise.all(outcomes)) assert.equal(pulled, true);
  assert.deepEqual(first.progress, ['Pulling from game ']);
  assert.deepEqual(second.progress, first.progress);
});

test('other credentials are another pull', async () => {
  const { puller, pulls } = setUp();
  const own = aRequest({ credentials: { username: 'u', password: 'p' } });
  const outcomes = [puller.ensureImage(aRequest().request), puller.ensureImage(own.request)];
  await settle();
  assert.equal(pulls.length, 2);
  assert.deepEqual(pulls[1]?.options.auth, { username: 'u', password: 'p' });
  for (const pull of pulls) pull.done();
  await Promise.all(outcomes);
});

test('who goes away does not end the pull of the others; the last one does', async () => {
  const { puller, pulls, clock } = setUp();
  const first = aRequest();
  const second = aRequest();
  const reason = new Error('killed');
  const outcomes = [puller.ensureImage(first.request), puller.ensureImage(second.request)];
  const rejections = outcomes.map((outcome) => assert.rejects(outcome, reason));
  await settle();
  first.abort.abort(reason);
  await rejections[0];
  assert.equal(pulls[0]?.options.signal?.aborted, false);
  second.abort.abort(reason);
  await rejections[1];
  assert.equal(pulls[0]?.options.signal?.aborted, true);
  assert.equal(clock.pendingTimers, 0);
});

test('a pull that was given up is not joined', async () => {
  const { puller, pulls } = setUp();
  const first = aRequest();
  const given = assert.rejects(puller.ensureImage(first.request), /killed/);
  await settle();
  first.abort.abort(new Error('killed'));
  const outcome = puller.ensureImage(aRequest().request);
  await given;
  await settle();
  assert.equal(pulls.length, 2);
  pulls[0]?.fail(new Error('aborted'));
  pulls[1]?.done();
  assert.equal((await outcome).pulled, true);
});

test('after a pull ended the next one asks the registry again', async () => {
  const { puller, pulls } = setUp();
  for (const at of [0, 1]) {
    const outcome = puller.ensureImage(aRequest().request);
    await settle();
    pulls[at]?.done();
    await outcome;
  }
  assert.equal(pulls.length, 2);
});

test('a request that is already cancelled pulls nothing and says nothing', async () => {
  const { puller, pulls } = setUp();
  const { request, lines, abort } = aRequest();
  abort.abort(new Error('killed'));
  await assert.rejects(puller.ensureImage(request), /killed/);
  assert.equal(pulls.length, 0);
  assert.deepEqual(lines, []);
});

test('a registry is told the platform where the flavour does so', async () => {
  const { puller, pulls } = setUp({ sendPlatform: true });
  const outcome = puller.ensureImage(aRequest().request);
  await settle();
  assert.equal(pulls[0]?.options.platform, 'linux/amd64');
  pulls[0]?.done();
  await outcome;
});

test('a layer has at most four lines in a second, and its last word is among them', async () => {
  const { puller, pulls, clock } = setUp();
  const { request, progress } = aRequest();
  const outcome = puller.ensureImage(request);
  await settle();
  for (let step = 1; step <= 100; step += 1) {
    for (const layer of ['a', 'b'])
      pulls[0]?.options.onProgress?.({ layer, status: `${layer} Downloading`, progress: `${step}%` });
    await clock.advance(10);
  }
  pulls[0]?.options.onProgress?.({ layer: 'a', status: 'a Pull complete', progress: '' });
  pulls[0]?.done();
  await outcome;
  const ofA = progress.filter((line) => line.startsWith('a '));
  assert.equal(ofA[0], 'a Downloading 1%');
  assert.equal(ofA.at(-1), 'a Pull complete ');
  assert.ok(ofA.length >= 3 && ofA.length <= 4, `${ofA.length} lines`);
  assert.equal(clock.pendingTimers, 0);
});
