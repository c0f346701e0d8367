// The Panel's records as specs of ours, and back: the complete example of the contract in both forms, what PHP makes of
// empty values, and records of somebody who means harm.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flavour } from '../../../src/config/config.ts';
import { serverAnswer, serverConfiguration } from '../../../src/panel/server-answer.ts';
import { BadRecordError, type PanelSpec, readServer, uuidOfRecord } from '../../../src/panel/server-record.ts';
import type { Server } from '../../../src/resources/server.ts';
import { AdmissionBench, asPanel } from '../../support/an-admission.ts';
import { serverRecord } from '../../support/panel/server-record.ts';

const uuid = 'd3aac109-e5a0-4331-b03e-3454f7e136dc';

const example = (flavour: Flavour) => {
  const pelican = flavour === 'pelican';
  const invocation = 'java -Xms128M -XX:MaxRAMPercentage=95.0 -jar {{SERVER_JARFILE}}';
  return {
    settings: {
      ...(pelican ? { id: 14 } : {}),
      uuid,
      meta: { name: 'Survival', description: 'Season 4' },
      suspended: false,
      environment: {
        MINECRAFT_VERSION: '1.21.4',
        SERVER_JARFILE: 'server.jar',
        DL_PATH: '',
        BUILD_NUMBER: 'latest',
        STARTUP: invocation,
        P_SERVER_UUID: uuid,
        ...(pelican ? {} : { P_SERVER_LOCATION: 'home', P_SERVER_ALLOCATION_LIMIT: null }),
      },
      invocation,
      skip_egg_scripts: false,
      build: {
        ...{ memory_limit: 4096, swap: 0, io_weight: 500, cpu_limit: 200, threads: null, disk_space: 10240 },
        ...(pelican ? { oom_killer: false } : { oom_disabled: true }),
      },
      container: {
        image: 'ghcr.io/pelican-eggs/yolks:java_21',
        requires_rebuild: false,
        ...(pelican ? {} : { oom_disabled: true }),
      },
      allocations: {
        force_outgoing_ip: false,
        default: { ip: '203.0.113.10', port: 25565 },
        mappings: { '203.0.113.10': [25565, 25575] },
      },
      egg: {
        id: '5da37ef6-58da-4169-90a6-e683e1721247',
        file_denylist: [],
        ...(pelican ? { features: { eula: ['you need to agree to the eula in order to run the server'] } } : {}),
      },
      ...(pelican ? { labels: { team: 'blue' } } : {}),
      mounts: pelican ? [{ source: '/srv/maps', target: '/maps', read_only: true }] : [],
    },
    process_configuration: {
      startup: { done: [')! For help, type '], user_interaction: [], strip_ansi: false },
      stop: { type: 'command', value: 'stop' },
      configs: [
        {
          parser: 'properties',
          file: 'server.properties',
          replace: [
            { match: 'server-ip', replace_with: '0.0.0.0' },
            { match: 'server-port', replace_with: '25565' },
            { match: 'query.port', replace_with: '25565' },
          ],
        },
      ],
    },
  };
};

const specOf = (flavour: Flavour): PanelSpec => ({
  uuid,
  displayName: 'Survival',
  description: 'Season 4',
  ...(flavour === 'pelican' ? { panelId: 14 } : {}),
  image: 'ghcr.io/pelican-eggs/yolks:java_21',
  imagePullPolicy: 'Always',
  invocation: 'java -Xms128M -XX:MaxRAMPercentage=95.0 -jar {{SERVER_JARFILE}}',
  environment: example(flavour).settings.environment as PanelSpec['environment'],
  containerLabels: (flavour === 'pelican' ? { team: 'blue' } : {}) as Record<string, string>,
  limits: {
    ...{ memory: 4096, swap: 0, disk: 10240, cpu: 200, io: 500, oomKiller: false },
    memoryUnit: flavour === 'pelican' ? 'MiB' : 'MB',
  },
  allocations: {
    default: { ip: '203.0.113.10', port: 25565 },
    additional: [{ ip: '203.0.113.10', port: 25575 }],
    forceOutgoingIp: false,
  },
  mounts: flavour === 'pelican' ? [{ source: '/srv/maps', target: '/maps', readOnly: true }] : [],
  egg: {
    done: [')! For help, type '],
    stripAnsi: false,
    stop: { type: 'command', value: 'stop' },
    id: '5da37ef6-58da-4169-90a6-e683e1721247',
    fileDenylist: [],
    features: (flavour === 'pelican'
      ? { eula: ['you need to agree to the eula in order to run the server'] }
      : {}) as Record<string, string[]>,
    configs: [
      {
        file: 'server.properties',
        parser: 'properties',
        replace: [
          { match: 'server-ip', replaceWith: '0.0.0.0' },
          { match: 'server-port', replaceWith: '25565' },
          { match: 'query.port', replaceWith: '25565' },
        ],
      },
    ],
  },
  skipEggScripts: false,
  suspended: false,
  reclaimPolicy: 'Delete',
});

for (const flavour of ['pelican', 'pterodactyl'] as const) {
  test(`the complete example of ${flavour} is a spec that admission takes as it is`, async () => {
    const { spec, notes } = readServer(example(flavour), flavour);
    assert.deepEqual(spec, specOf(flavour));
    assert.deepEqual(Object.keys(spec.environment), Object.keys(example(flavour).settings.environment));
    assert.deepEqual(notes, []);
    const bench = new AdmissionBench();
    const server = await bench.create(uuid, { ...spec }, asPanel);
    const { power, owner, nodeName, ...stored } = server.spec;
    assert.deepEqual(stored, spec);
    assert.deepEqual(power, { desired: 'Stopped' });
    assert.deepEqual([owner, nodeName], [asPanel.owner, 'node-1']);
  });

  test(`a server of ${flavour} is told to its Panel as that described it`, () => {
    const { settings } = example(flavour);
    const told = serverConfiguration(aServer(readServer(example(flavour), flavour).spec), true);
    const { egg, build, container, mounts, allocations, environment, meta, invocation } = told;
    assert.deepEqual(environment, settings.environment);
    assert.deepEqual(Object.keys(environment), Object.keys(settings.environment));
    assert.deepEqual([meta, invocation, mounts], [settings.meta, settings.invocation, settings.mounts]);
    assert.deepEqual(allocations, settings.allocations);
    const { threads, oom_killer, oom_disabled, ...limits } = build;
    assert.deepEqual([threads, oom_killer, oom_disabled], ['', false, true]);
    const { threads: _, oom_killer: __, oom_disabled: ___, ...sent } = settings.build as Record<string, unknown>;
    assert.deepEqual(limits, sent);
    assert.equal(container.image, settings.container.image);
    assert.deepEqual(egg, { features: null, ...settings.egg });
    assert.equal(told.crash_detection_enabled, true);
    assert.equal(told.id, flavour === 'pelican' ? 14 : 0);
  });
}

function aServer(spec: PanelSpec, status: Server['status'] = {}): Server {
  const metadata = {
    name: spec.uuid,
    uid: 'u',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  return {
    apiVersion: 'aileron.dev/v1',
    kind: 'Server',
    metadata,
    spec: { ...spec, power: { desired: 'Stopped' } },
    status,
  };
}

test('the answer about a server has its figures while it runs, and zeros while it does not', () => {
  const { spec } = readServer(example('pelican'), 'pelican');
  const usage = {
    ...{ cpuAbsolute: 12.5, memoryBytes: 1, memoryLimitBytes: 2, networkRxBytes: 3, networkTxBytes: 4 },
    ...{ blockReadBytes: 5, blockWriteBytes: 6, uptimeMs: 7 },
  };
  const running = serverAnswer(aServer(spec, { state: 'running', diskBytes: 8 }), { usage, crashDetection: true });
  assert.equal(running.state, 'running');
  assert.deepEqual(running.utilization, {
    ...{ memory_bytes: 1, memory_limit_bytes: 2, cpu_absolute: 12.5, uptime: 7, state: 'running', disk_bytes: 8 },
    ...{ network: { rx_bytes: 3, tx_bytes: 4 }, disk_io: { read_bytes: 5, write_bytes: 6 } },
  });
  const offline = serverAnswer(aServer(spec, { diskBytes: 8 }), { usage, crashDetection: false });
  assert.deepEqual(offline.utilization, {
    ...{ memory_bytes: 0, memory_limit_bytes: 0, cpu_absolute: 0, uptime: 0, state: 'offline', disk_bytes: 8 },
    ...{ network: { rx_bytes: 0, tx_bytes: 0 }, disk_io: { read_bytes: 0, write_bytes: 0 } },
  });
  assert.equal(offline.configuration.crash_detection_enabled, false);
});

/** The part of the example that a row changes, and what becomes of the spec. */
const rows: [string, (record: Any) => void, Partial<PanelSpec> | ((spec: PanelSpec) => unknown)][] = [
  [
    'an empty map as a list',
    (r) => Object.assign(r.settings, { environment: [], labels: [] }),
    { environment: {}, containerLabels: {} },
  ],
  [
    'maps that are null',
    (r) => Object.assign(r.settings, { environment: null, labels: null, mounts: null }),
    { environment: {}, containerLabels: {}, mounts: [] },
  ],
  ['features as a list', (r) => (r.settings.egg.features = []), (s) => assert.deepEqual(s.egg.features, {})],
  [
    'a deny list that is null',
    (r) => (r.settings.egg.file_denylist = null),
    (s) => assert.deepEqual(s.egg.fileDenylist, []),
  ],
  [
    'a list with holes',
    (r) => (r.settings.egg.file_denylist = { 1: 'a', 4: 'b' }),
    (s) => assert.deepEqual(s.egg.fileDenylist, ['a', 'b']),
  ],
  [
    'numbers as text',
    (r) => Object.assign(r.settings.build, { memory_limit: '2048', swap: '-1', cpu_limit: '150.0' }),
    (s) => assert.deepEqual([s.limits.memory, s.limits.swap, s.limits.cpu], [2048, -1, 150]),
  ],
  [
    'numbers that are null',
    (r) => Object.assign(r.settings.build, { memory_limit: null, io_weight: null }),
    (s) => assert.deepEqual([s.limits.memory, s.limits.io], [0, 500]),
  ],
  ['cores with spaces', (r) => (r.settings.build.threads = '0-1, 3'), (s) => assert.equal(s.limits.threads, '0-1,3')],
  ['no cores', (r) => (r.settings.build.threads = ''), (s) => assert.equal(s.limits.threads, undefined)],
  ['a description that is null', (r) => (r.settings.meta.description = null), { description: '' }],
  [
    'truth as a number',
    (r) => Object.assign(r.settings, { suspended: 1, skip_egg_scripts: '1' }),
    { suspended: true, skipEggScripts: true },
  ],
  [
    'no allocation, as Pelican says it',
    (r) =>
      (r.settings.allocations = {
        force_outgoing_ip: false,
        default: { ip: '127.0.0.1', port: 0 },
        mappings: { '': [] },
      }),
    { allocations: { default: { ip: '127.0.0.1', port: 0 }, additional: [], forceOutgoingIp: false } },
  ],
  [
    'no default allocation',
    (r) => Object.assign(r.settings.allocations, { default: null, mappings: [], force_outgoing_ip: true }),
    { allocations: { additional: [], forceOutgoingIp: false } },
  ],
  [
    'ports as text, and twice',
    (r) => (r.settings.allocations.mappings = { '203.0.113.10': ['25565', 25575, '25575'] }),
    (s) => assert.deepEqual(s.allocations.additional, [{ ip: '203.0.113.10', port: 25575 }]),
  ],
  [
    'types of variables',
    (r) => (r.settings.environment = { B: 5, A: true, C: null, D: 1.5, E: '' }),
    { environment: { B: 5, A: true, C: null, D: 1.5, E: '' } },
  ],
  [
    'done lines that are null',
    (r) => (r.process_configuration.startup.done = null),
    (s) => assert.deepEqual(s.egg.done, []),
  ],
  [
    'no stop rule',
    (r) => (r.process_configuration.stop = { type: '', value: null }),
    (s) => assert.deepEqual(s.egg.stop, { type: 'signal', value: 'SIGKILL' }),
  ],
  [
    'a native stop',
    (r) => (r.process_configuration.stop = { type: 'stop' }),
    (s) => assert.deepEqual(s.egg.stop, { type: 'stop', value: '' }),
  ],
  [
    'a signal',
    (r) => (r.process_configuration.stop = { type: 'signal', value: 'C' }),
    (s) => assert.deepEqual(s.egg.stop, { type: 'signal', value: 'C' }),
  ],
  [
    'fields nobody knows',
    (r) => Object.assign(r.settings, { hugepages: true, build: { ...r.settings.build, gpu: 1 } }),
    {},
  ],
  ['crash detection', (r) => (r.settings.crash_detection_enabled = false), { crashDetectionEnabled: false }],
  [
    'no process configuration',
    (r) => (r.process_configuration = []),
    (s) => assert.deepEqual([s.egg.done, s.egg.configs], [[], []]),
  ],
];

// biome-ignore lint/suspicious/noExplicitAny: a record is whatever the row makes of it.
type Any = any;

for (const [what, change, wanted] of rows) {
  test(`read as it is meant: ${what}`, async () => {
    const record = structuredClone(example('pelican'));
    change(record);
    const { spec } = readServer(record, 'pelican');
    if (typeof wanted === 'function') wanted(spec);
    else for (const [field, value] of Object.entries(wanted)) assert.deepEqual(spec[field as keyof PanelSpec], value);
    await new AdmissionBench().create(uuid, { ...spec }, asPanel);
  });
}

test('one bad part of an egg is left out and said, the rest stays', () => {
  const record: Any = structuredClone(example('pelican'));
  record.process_configuration.configs = [
    {
      file: 'a.yml',
      parser: 'yaml',
      create_file: false,
      replace: [
        { match: 1, replace_with: 'x' },
        { match: 'ok', value: [1, { a: null }] },
      ],
    },
    {
      file: 'b.yml',
      parser: 'yaml',
      create_file: 'no',
      replace: [
        { match: 'k', if_value: null, replace_with: 1 },
        { match: 'k' },
        { match: 'k', if_value: '', replace_with: false },
      ],
    },
    { parser: 'yaml' },
    'nonsense',
    { file: 'c.yml', parser: 'json' },
  ];
  record.settings.mounts = [
    { source: '/srv/a', target: '/home/container' },
    { source: '/srv/../etc', target: '/b' },
    { source: 'srv', target: '/c' },
    { source: '/srv/d', target: '/d' },
    { source: '/srv/e', target: '/d/' },
  ];
  record.settings.environment = { 'A B': 1, '': 2, OBJECT: {}, GOOD: 3 };
  const { spec, notes } = readServer(record, 'pelican');
  assert.deepEqual(spec.egg.configs, [
    { file: 'a.yml', parser: 'yaml', createFile: false, replace: [{ match: 'ok', replaceWith: [1, { a: null }] }] },
    { file: 'b.yml', parser: 'yaml', replace: [{ match: 'k', replaceWith: false }] },
    { file: 'c.yml', parser: 'json', replace: [] },
  ]);
  assert.deepEqual(spec.mounts, [{ source: '/srv/d', target: '/d', readOnly: false }]);
  assert.deepEqual(spec.environment, { GOOD: 3 });
  assert.equal(notes.length, 3 + 2 + 4 + 3);
});

test('a record without what makes a server says whom it is about', () => {
  const bad: [Any, string | undefined][] = [
    [null, undefined],
    [[], undefined],
    ['x', undefined],
    [{}, undefined],
    [{ uuid: '../../etc' }, undefined],
    [{ uuid: 'd3aac109-e5a0-1331-b03e-3454f7e136dc' }, undefined],
    [{ uuid, settings: { uuid: '00000000-0000-4000-8000-000000000000' } }, undefined],
    [{ uuid }, uuid],
    [{ uuid, settings: { container: { image: '' } } }, uuid],
    [{ uuid, settings: { container: { image: 'a' }, deep: deep(70) } }, uuid],
  ];
  for (const [record, whom] of bad) {
    assert.throws(
      () => readServer(record, 'pelican'),
      (error) => error instanceof BadRecordError && error.uuid === whom,
      JSON.stringify(record)?.slice(0, 80),
    );
  }
});

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

/** A generator with a seed, so that a failure can be looked at again. */
function dice(seed: number) {
  let state = seed;
  return (sides: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % sides;
  };
}

test('what is read of any server is told as it was sent, whatever its values', async () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const roll = dice(seed);
    const words = ['', 'a', 'ä€', '{{X}}', 'true', '1.50', '-', 'x'.repeat(200)];
    const word = () => words[roll(words.length)] ?? '';
    const flavour = roll(2) === 0 ? 'pelican' : 'pterodactyl';
    const ports = [...new Set(Array.from({ length: 1 + roll(5) }, () => 1024 + roll(60_000)))];
    const parts = {
      ...{ id: roll(1000), uuid, name: word(), description: word(), suspended: roll(2) === 0 },
      environment: Object.fromEntries(
        Array.from({ length: roll(8) }, (_, index) => [
          `V${index}`,
          [word(), roll(9), roll(2) === 0, null][roll(4)] ?? null,
        ]),
      ),
      ...{ memory: roll(9999), disk: roll(9999), cpu: roll(800), oomDisabled: roll(2) === 0 },
      allocations: ports.map((port) => ({ ip: '203.0.113.10', port })),
      labels: Object.fromEntries(Array.from({ length: roll(3) }, (_, index) => [`l${index}`, word()])),
      mounts: Array.from({ length: roll(3) }, (_, index) => ({
        source: `/srv/${index}`,
        target: `/m${index}`,
        read_only: roll(2) === 0,
      })),
    };
    const record = serverRecord(flavour, parts) as ReturnType<typeof example>;
    const { spec } = readServer(JSON.parse(JSON.stringify(record)), flavour);
    const told = serverConfiguration(aServer(spec), true);
    const { settings } = record;
    assert.deepEqual(told.environment, settings.environment, `seed ${seed}`);
    assert.deepEqual(told.allocations, settings.allocations, `seed ${seed}`);
    assert.deepEqual(
      [told.meta.name, told.suspended, told.mounts.length],
      [settings.meta.name, settings.suspended, parts.mounts.length],
    );
    assert.deepEqual(told.build.oom_disabled, parts.oomDisabled);
    // What is told can be read again, and is the same server.
    const { configs, done, stop, stripAnsi } = spec.egg;
    const again = readServer(
      {
        settings: told,
        process_configuration: { startup: { done, strip_ansi: stripAnsi }, stop, configs: asSent(configs) },
      },
      flavour,
    );
    const { crashDetectionEnabled: _, panelId: __, ...same } = again.spec;
    const { panelId: ___, ...first } = spec;
    assert.deepEqual(same, first, `seed ${seed}`);
  }
});

function asSent(configs: PanelSpec['egg']['configs']): unknown {
  return configs?.map(({ file, parser, replace }) => ({ file, parser, replace }));
}

test('a hundred thousand hostile records end in a spec or a refusal, and nothing that leads outside (covers: SEC-117)', async () => {
  const hostile: unknown[] = [
    ...[
      null,
      true,
      -1,
      1e308,
      Number.NaN,
      '',
      '../../etc/passwd',
      '/etc',
      '\0',
      '{{X}}',
      'x'.repeat(5_000),
      [],
      {},
      [[]],
    ],
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    ...[
      '/var/run/docker.sock',
      '/home/container/../../..',
      'regex:(a+)+$',
      '__proto__',
      'constructor',
      [null, {}, [1]],
    ],
  ];
  const bench = new AdmissionBench();
  let read = 0;
  let taken = 0;
  for (let seed = 1; seed <= 100_000; seed += 1) {
    const roll = dice(seed);
    const record = structuredClone(seed % 2 === 0 ? pelicanExample : pterodactylExample);
    for (let changes = 1 + roll(3); changes > 0; changes -= 1) spoil(record, roll, hostile);
    try {
      const { spec } = readServer(record, seed % 2 === 0 ? 'pelican' : 'pterodactyl');
      read += 1;
      assert.ok(spec.mounts.every(({ source }) => source.startsWith('/') && !source.split('/').includes('..')));
      assert.match(spec.uuid, /^[0-9a-f-]{36}$/);
      if (seed % 100 !== 0) continue;
      const name = `s${seed}`;
      const written = await bench
        .create(name, { ...spec, uuid: withNumber(seed) }, asPanel)
        .catch((error: Error) => error.name);
      if (typeof written === 'string') assert.match(written, /^(?:InvalidError|UnknownFieldsError)$/);
      else taken += 1;
    } catch (error) {
      if (!(error instanceof BadRecordError)) throw error;
      assert.equal(uuidOfRecord(record), error.uuid);
    }
  }
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.ok(read > 30_000 && taken > 100, `${read} read, ${taken} taken`);
});

const pelicanExample: unknown = example('pelican');
const pterodactylExample: unknown = example('pterodactyl');

function withNumber(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** Puts something hostile somewhere in the record. */
function spoil(root: Any, roll: (sides: number) => number, hostile: readonly unknown[]): void {
  let at = root;
  for (let level = 0; level < 6; level += 1) {
    const keys = Object.keys(at);
    const key = keys[roll(Math.max(1, keys.length))];
    if (key === undefined) return;
    const inner = at[key];
    if (typeof inner !== 'object' || inner === null || roll(4) === 0) {
      at[key] = hostile[roll(hostile.length)];
      return;
    }
    at = inner;
  }
}
