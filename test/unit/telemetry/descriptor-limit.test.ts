import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { checkDaemon } from '../../../src/cli/doctor/daemon.ts';
import { descriptorLimit, warnOfFewDescriptors } from '../../../src/telemetry/descriptor-limit.ts';
import { aConfig } from '../../support/a-config.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { checkout } from '../../support/source-files.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const noPrlimit = spawnSync('prlimit', ['--version']).error ? 'prlimit is missing' : false;

test('the soft limit is raised to the hard one at start, and a low one is told (covers: SEC-121)', {
  skip: noPrlimit,
}, () => {
  const module = join(checkout, 'src/telemetry/descriptor-limit.ts');
  const code = `import { descriptorLimit } from ${JSON.stringify(module)}; console.log(descriptorLimit());`;
  const node = [process.execPath, '--input-type=module', '--eval', code];
  const { stdout } = spawnSync('prlimit', ['--nofile=300:600', ...node], { encoding: 'utf8' });
  assert.equal(stdout, '600\n');
  const log = recordedLog();
  warnOfFewDescriptors(log, 8_191);
  assert.deepEqual(log.lines[0]?.fields, { limit: 8_191, wanted: 8_192 });
  assert.equal(log.lines[0]?.level, 'warn');
});

test('enough is nothing to say, and neither is what cannot be known (covers: SEC-121)', (t) => {
  const log = recordedLog();
  const file = join(temporaryDirectory(t), 'limits');
  for (const [text, limit] of [
    [
      'Max processes  1 1 processes\nMax open files            20000                30000                files\n',
      20_000,
    ],
    ['Max open files            unlimited            unlimited            files\n', undefined],
    ['', undefined],
  ] as const) {
    writeFileSync(file, text);
    assert.equal(descriptorLimit(file), limit);
    warnOfFewDescriptors(log, descriptorLimit(file));
  }
  assert.equal(descriptorLimit(join(file, 'gone')), undefined);
  assert.deepEqual(log.lines, []);
});

test('the doctor tells of a daemon that may hold few open (covers: SEC-121)', { skip: noPrlimit }, async (t) => {
  const found = async (limit: number) => {
    const child = spawn('prlimit', [`--nofile=${limit}:${limit}`, '/bin/sleep', '60']);
    await once(child, 'spawn');
    t.after(() => child.kill());
    const findings = await checkDaemon({ config: aConfig(), env: {}, daemon: child.pid });
    return findings.filter(({ says }) => says.includes('files and connections')).map(({ level }) => level);
  };
  assert.deepEqual(await found(1_024), ['warning']);
  assert.deepEqual(await found(9_000), []);
});

test('how many are open, and how many may be, is among the metrics (covers: SEC-121)', async () => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = await registry.metrics();
  const [, open] = /^process_open_fds (\d+)$/m.exec(metrics) ?? [];
  const [, most] = /^process_max_fds (\d+)$/m.exec(metrics) ?? [];
  assert.ok(Number(open) > 0 && Number(most) >= Number(open), `${open} of ${most}`);
});
