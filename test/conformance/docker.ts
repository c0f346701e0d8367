// What every DockerEngine promises. Each program exists twice: as a line of shell for the real engine, and as a function
// for the fake one.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AttachedConsole, ContainerBody, ContainerEvent, DockerEngine } from '../../src/docker/engine.ts';
import { DockerError } from '../../src/docker/engine.ts';
import { ownLabel, testBody, uniqueName } from '../support/docker.ts';
import type { Program } from '../support/fake-container.ts';

export const programs = {
  waits: {
    shell: 'trap "exit 0" TERM; echo ready; while true; do sleep 0.05; done',
    play: (process) => {
      process.onSignal(() => process.exit(0));
      process.print('ready\n');
    },
  },
  ignoresTerm: {
    shell: 'trap "" TERM; while true; do sleep 0.05; done',
    play: (process) => process.onSignal(() => {}),
  },
  greets: {
    shell: 'echo hello; echo world; exit 3',
    play: (process) => {
      process.print('hello\nworld\n');
      process.exit(3);
    },
  },
  answers: {
    shell: 'echo ready; while read line; do echo "got $line"; [ "$line" = stop ] && exit 0; done',
    play: (process) => {
      process.print('ready\n');
      let rest = '';
      process.onInput((text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          process.print(`got ${line}\n`);
          if (line === 'stop') process.exit(0);
        }
      });
    },
  },
} satisfies Record<string, { shell: string; play: Program }>;

/** For the fake: finds the program by its shell line. */
export const playByStartup: Program = (process) => {
  const program = Object.values(programs).find(({ shell }) => shell === process.env['STARTUP']);
  assert.ok(program, `no program for ${process.env['STARTUP']}`);
  program.play(process);
};

export interface DockerUnderTest {
  docker: DockerEngine;
  image: string;
}

/** `skip` is a reason, or false. `open` is called once per test. */
export function dockerConformance(name: string, skip: string | false, open: () => Promise<DockerUnderTest>): void {
  const check = (title: string, body: (machine: Machine) => Promise<void>) =>
    test(`${name}: ${title}`, { skip, timeout: 60_000 }, async (t) => body(await machine(t, open)));

  check('answers a ping and tells of itself', async ({ docker }) => {
    await docker.ping();
    const info = await docker.info();
    assert.match(info.apiVersion, /^\d+\.\d+$/);
    assert.ok(info.cpus >= 1 && info.memoryBytes > 0 && info.kernel && info.runcVersion && info.containerdVersion);
    assert.ok(info.runcCommit && info.cgroupDriver && info.storageDriver && info.osType === 'linux');
    assert.ok(Object.values(info.containers).every((count) => Number.isInteger(count) && count >= 0));
  });

  check('shows a created container as it was asked for', async ({ docker, image, create, labels }) => {
    const { id, name } = await create('waits', { User: '999:999' }, { Memory: 64 * 1024 * 1024, PidsLimit: 64 });
    const byName = await docker.inspectContainer(name);
    assert.deepEqual(await docker.inspectContainer(id), byName);
    assert.deepEqual(
      { ...byName, command: undefined, env: undefined, mounts: undefined, resources: undefined },
      {
        id,
        name,
        labels,
        status: 'created',
        running: false,
        exitCode: 0,
        oomKilled: false,
        error: '',
        startedAt: '',
        finishedAt: '',
        image,
        tty: true,
        openStdin: true,
        stdinOnce: false,
        command: undefined,
        env: undefined,
        mounts: undefined,
        resources: undefined,
        networkMode: 'none',
      },
    );
    assert.ok(byName);
    assert.ok(byName.env.includes(`STARTUP=${programs.waits.shell}`));
    assert.equal(byName.resources.Memory, 64 * 1024 * 1024);
    assert.equal(byName.resources.PidsLimit, 64);
    assert.deepEqual(await docker.listContainers(labels), [{ id, name, labels, running: false }]);
  });

  check('finds nothing under a name nobody bears', async ({ docker, labels }) => {
    assert.equal(await docker.inspectContainer(uniqueName()), undefined);
    assert.equal(await docker.inspectImage(`${uniqueName()}:none`), undefined);
    assert.equal(await docker.inspectNetwork(uniqueName()), undefined);
    assert.deepEqual(await docker.listContainers(labels), []);
  });

  check('takes what is missing for done, where that is harmless', async ({ docker }) => {
    const missing = uniqueName();
    await docker.stopContainer(missing);
    await docker.removeContainer(missing, { force: false });
    await docker.removeNetwork(missing);
    assert.equal(await docker.killContainer(missing, 'SIGKILL'), false);
    assert.deepEqual(await docker.updateContainer(missing, { Memory: 64 * 1024 * 1024 }), { warnings: [] });
  });

  check('refuses what needs a container when there is none', async ({ docker, signal }) => {
    const missing = uniqueName();
    await assert.rejects(docker.startContainer(missing), refused(404));
    await assert.rejects(docker.openExitWait(missing, signal), refused(404));
    await assert.rejects(docker.attachContainer(missing, { tty: true, stdin: true }), refused(404));
    await assert.rejects(docker.containerLogs(missing, { tty: true }), refused(404));
    await assert.rejects(docker.followLogs(missing, { tty: true, signal }), refused(404));
    await assert.rejects(docker.containerStats(missing, signal)[Symbol.asyncIterator]().next(), refused(404));
  });

  check('refuses a container without its image, and a name that is taken', async ({ docker, create, image }) => {
    await assert.rejects(docker.createContainer(uniqueName(), testBody(`${uniqueName()}:none`, 'true')), refused(404));
    const { name } = await create('waits');
    await assert.rejects(docker.createContainer(name, testBody(image, 'true')), refused(409));
  });

  check('shows everything the process printed to a console attached before the start', async ({ docker, create }) => {
    const { id } = await create('greets');
    const console = await docker.attachContainer(id, { tty: true, stdin: true });
    await docker.startContainer(id);
    assert.equal(await textOf(console), 'hello\r\nworld\r\n');
  });

  check('passes input on in order, and echoes it as a terminal does', async ({ docker, create }) => {
    const { id } = await create('answers');
    const console = await docker.attachContainer(id, { tty: true, stdin: true });
    await docker.startContainer(id);
    const writes = ['one\n', 'two\n', 'stop\n'].map((line) => console.write(Buffer.from(line)));
    await Promise.all(writes);
    const lines = (await textOf(console)).split('\r\n');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('got ')),
      ['got one', 'got two', 'got stop'],
    );
    for (const echoed of ['one', 'two', 'stop']) assert.ok(lines.includes(echoed), `${echoed} in ${lines.join('|')}`);
  });

  check('refuses to write to a console that is closed', async ({ docker, create }) => {
    const { id } = await create('waits');
    const console = await docker.attachContainer(id, { tty: true, stdin: true });
    await docker.startContainer(id);
    console.close();
    await assert.rejects(console.write(Buffer.from('x\n')), DockerError);
    await textOf(console); // ends
    assert.equal((await docker.inspectContainer(id))?.running, true);
  });

  check('tells the exit of a process that ends at once to a wait opened before the start', async (m) => {
    const { id } = await m.create('greets');
    const { exit } = await m.docker.openExitWait(id, m.signal);
    await m.docker.startContainer(id);
    assert.deepEqual(await exit, { exitCode: 3 });
    const info = await m.docker.inspectContainer(id);
    assert.deepEqual([info?.status, info?.running, info?.exitCode], ['exited', false, 3]);
    assert.match(info?.startedAt ?? '', /^\d{4}-.*Z$/);
    assert.match(info?.finishedAt ?? '', /^\d{4}-.*Z$/);
  });

  check('ends a wait that is given up, with its reason', async ({ docker, create }) => {
    const { id } = await create('waits');
    await docker.startContainer(id);
    const giveUp = new AbortController();
    const { exit } = await docker.openExitWait(id, giveUp.signal);
    giveUp.abort(new Error('given up'));
    await assert.rejects(exit, /given up/);
  });

  check('starts twice without harm', async ({ docker, create }) => {
    const { id } = await create('waits');
    await docker.startContainer(id);
    const first = await docker.inspectContainer(id);
    await docker.startContainer(id);
    assert.equal((await docker.inspectContainer(id))?.startedAt, first?.startedAt);
  });

  check('says why a container did not start', async ({ docker, create }) => {
    const { id } = await create('waits', {}, { NetworkMode: uniqueName() });
    await assert.rejects(docker.startContainer(id), DockerError);
    const info = await docker.inspectContainer(id);
    assert.equal(info?.running, false);
    assert.match(info?.error ?? '', /not found/);
  });

  check('stops with the stop signal and waits for the end', async ({ docker, create }) => {
    const { id } = await create('waits');
    const console = await docker.attachContainer(id, { tty: true, stdin: false });
    await docker.startContainer(id);
    await until(console, 'ready'); // before that, the signal would go nowhere
    await docker.stopContainer(id);
    assert.equal((await docker.inspectContainer(id))?.running, false);
    await docker.stopContainer(id);
  });

  check('never ends a process that ignores the stop signal, until the caller gives up', async ({ docker, create }) => {
    const { id } = await create('ignoresTerm');
    await docker.startContainer(id);
    const giveUp = new AbortController();
    const stopping = docker.stopContainer(id, giveUp.signal);
    giveUp.abort(new Error('given up'));
    await assert.rejects(stopping, /given up/);
    assert.equal((await docker.inspectContainer(id))?.running, true);
  });

  check('kills what runs and says false of what does not', async ({ docker, create, signal }) => {
    const { id } = await create('ignoresTerm');
    assert.equal(await docker.killContainer(id, 'SIGKILL'), false);
    const { exit } = await docker.openExitWait(id, signal);
    await docker.startContainer(id);
    assert.equal(await docker.killContainer(id, 'SIGKILL'), true);
    assert.deepEqual(await exit, { exitCode: 137 });
    assert.equal(await docker.killContainer(id, 'SIGKILL'), false);
  });

  check('removes what runs only by force', async ({ docker, create }) => {
    const { id } = await create('ignoresTerm');
    await docker.startContainer(id);
    await assert.rejects(docker.removeContainer(id, { force: false }), refused(409));
    await docker.removeContainer(id, { force: true });
    assert.equal(await docker.inspectContainer(id), undefined);
  });

  check('changes the limits of a running container', async ({ docker, create }) => {
    const { id } = await create('waits', {}, { Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 });
    await docker.startContainer(id);
    await docker.updateContainer(id, { Memory: 96 * 1024 * 1024, MemorySwap: 96 * 1024 * 1024, PidsLimit: 99 });
    const resources = (await docker.inspectContainer(id))?.resources;
    assert.deepEqual([resources?.Memory, resources?.PidsLimit], [96 * 1024 * 1024, 99]);
    await assert.rejects(docker.updateContainer(id, { Memory: 1024 }), refused(400));
  });

  check('gives the end of the log', async ({ docker, create, signal }) => {
    const { id } = await create('greets');
    const { exit } = await docker.openExitWait(id, signal);
    await docker.startContainer(id);
    await exit;
    assert.equal((await docker.containerLogs(id, { tty: true })).toString(), 'hello\r\nworld\r\n');
    assert.equal((await docker.containerLogs(id, { tty: true, tail: 1 })).toString(), 'world\r\n');
    assert.equal((await docker.containerLogs(id, { tty: true, since: Date.now() / 1000 + 60 })).length, 0);
  });

  check('follows the log from its beginning to the end of the process, and gives all of it afterwards', async (m) => {
    const { docker, create, signal } = m;
    const { id } = await create('answers');
    await docker.startContainer(id);
    const live = gathered(await docker.followLogs(id, { tty: true, signal }));
    const attached = await docker.attachContainer(id, { tty: true, stdin: true });
    await attached.write(Buffer.from('one\nstop\n'));
    const told = await live;
    assert.match(told, /ready\r\n.*got one\r\n.*got stop\r\n$/s);
    assert.equal((await docker.inspectContainer(id))?.running, false);
    assert.equal(await gathered(await docker.followLogs(id, { tty: true, signal })), told);
    const later = { tty: true, since: Date.now() / 1000 + 60, signal };
    assert.equal(await gathered(await docker.followLogs(id, later)), '');
    attached.close();
  });

  check('gives up following a log with the reason of the signal', async ({ docker, create }) => {
    const { id } = await create('waits');
    await docker.startContainer(id);
    const giveUp = new AbortController();
    const live = gathered(await docker.followLogs(id, { tty: true, signal: giveUp.signal }));
    giveUp.abort(new Error('enough'));
    await assert.rejects(live, /enough/);
  });

  check('samples usage while the process runs, and ends with it', async ({ docker, create, signal }) => {
    const { id } = await create('waits', {}, { Memory: 64 * 1024 * 1024 });
    const samples = docker.containerStats(id, signal)[Symbol.asyncIterator]();
    const first = samples.next();
    await docker.startContainer(id);
    const { value: sample } = await first;
    assert.equal(sample?.memoryLimit, 64 * 1024 * 1024);
    assert.ok(sample.onlineCpus >= 1 && sample.memoryUsage > 0);
    await docker.killContainer(id, 'SIGKILL');
    for (let next = await samples.next(); !next.done; next = await samples.next()) assert.ok(next.value.read);
  });

  check('ends usage samples quietly when they are no longer wanted', async ({ docker, create }) => {
    const { id } = await create('waits');
    await docker.startContainer(id);
    const enough = new AbortController();
    for await (const sample of docker.containerStats(id, enough.signal)) {
      assert.ok(sample.read);
      enough.abort(new Error('enough'));
    }
  });

  check('reports what happens to containers, in order, with labels and exit code', async (m) => {
    const { docker, create, labels } = m;
    const enough = new AbortController();
    const events = await docker.openEvents({ signal: enough.signal });
    const { id, name } = await create('greets');
    await docker.startContainer(id);
    const mine: ContainerEvent[] = [];
    for await (const event of events) {
      if (event.id === id && ['create', 'start', 'die'].includes(event.action)) mine.push(event);
      if (event.action === 'die' && event.id === id) enough.abort(new Error('enough'));
    }
    assert.deepEqual(
      mine.map(({ action, exitCode }) => [action, exitCode]),
      [
        ['create', undefined],
        ['start', undefined],
        ['die', 3],
      ],
    );
    for (const event of mine) assert.deepEqual([event.name, event.labels], [name, labels]);
    // What is gone by can be had again from any of its moments.
    const again = await docker.openEvents({ since: mine[1]?.time ?? 0, signal: m.signal });
    const seen: string[] = [];
    for await (const event of again) {
      if (event.id === id) seen.push(event.action);
      if (event.id === id && event.action === 'die') break;
    }
    assert.ok(seen.includes('start'), seen.join());
  });

  check('knows the images that are here, and fails to fetch what no registry has', async ({ docker, image }) => {
    assert.ok((await docker.inspectImage(image))?.id);
    await assert.rejects(docker.pullImage(`localhost:1/${uniqueName()}:1`, {}), DockerError);
  });

  check('makes, shows and removes a network', async ({ docker, t }) => {
    const name = uniqueName();
    const { id } = await docker.createNetwork({
      Name: name,
      Driver: 'bridge',
      CheckDuplicate: true,
      EnableIPv6: false,
      Internal: true,
      Attachable: false,
      Options: { 'com.docker.network.bridge.name': name.slice(-12) },
      Labels: { made: 'by a test' },
    });
    t.after(() => docker.removeNetwork(id));
    const shown = await docker.inspectNetwork(name);
    assert.deepEqual(
      { ...shown, subnets: [] },
      { id, name, driver: 'bridge', internal: true, labels: { made: 'by a test' }, subnets: [], containers: 0 },
    );
    assert.deepEqual(await docker.inspectNetwork(id), shown);
    await docker.removeNetwork(id);
    assert.equal(await docker.inspectNetwork(name), undefined);
  });
}

interface Machine extends DockerUnderTest {
  t: TestContext;
  labels: Record<string, string>;
  /** Aborted at the end of the test, so that no stream outlives it. */
  signal: AbortSignal;
  create(
    program: keyof typeof programs,
    changes?: Partial<ContainerBody>,
    host?: Partial<ContainerBody['HostConfig']>,
  ): Promise<{ id: string; name: string }>;
}

async function machine(t: TestContext, open: () => Promise<DockerUnderTest>): Promise<Machine> {
  const { docker, image } = await open();
  const end = new AbortController();
  t.after(() => end.abort(new Error('the test is over')));
  const labels = ownLabel(t, docker);
  return {
    t,
    docker,
    image,
    labels,
    signal: end.signal,
    async create(program, changes = {}, host = {}) {
      const name = uniqueName();
      const body = testBody(image, programs[program].shell, { Labels: labels, ...changes }, host);
      const { id } = await docker.createContainer(name, body);
      return { id, name };
    },
  };
}

async function textOf(console: AttachedConsole): Promise<string> {
  let text = '';
  for await (const piece of console.output) text += piece.toString('utf8');
  return text;
}

async function gathered(output: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const piece of output) text += piece.toString('utf8');
  return text;
}

async function until(console: AttachedConsole, words: string): Promise<void> {
  let text = '';
  for await (const piece of console.output) {
    text += piece.toString('utf8');
    if (text.includes(words)) return;
  }
  assert.fail(`the console ended before "${words}": ${text}`);
}

function refused(status: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DockerError, String(error));
    assert.equal(error.status, status, error.message);
    return true;
  };
}
