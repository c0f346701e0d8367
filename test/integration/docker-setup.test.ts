// Set-up on a machine whose Docker does not run: in namespaces of its own, so that the machine's own Docker is not met.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { freshClone } from '../support/fresh-clone.ts';
import { plainEnvironment } from '../support/npm-start.ts';
import { runProgram } from '../support/run-program.ts';

const unshare = '/usr/bin/unshare';
const skip =
  (process.getuid?.() === 0 ? false : 'needs root') ||
  (existsSync(unshare) ? false : 'needs unshare') ||
  (existsSync('/usr/sbin/dockerd') ? false : 'needs dockerd') ||
  (await needsDocker());

/** Runs in the namespaces: empties what a Docker keeps, leaves the traces of one that was killed, sets up twice. */
const script = `
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/docker
mkdir -p /run/docker/containerd
echo $$ > /run/docker.pid
echo $$ > /run/docker/containerd/containerd.pid
"$NODE" "$SETUP"
kill "$(cat /run/docker.pid)"
`;

const setup = [
  "import { ensureDemoImage } from './bin/setup/demo-image.mjs';",
  "import { ensureDockerEngine } from './bin/setup/docker-engine.mjs';",
  'await ensureDockerEngine();',
  'await ensureDockerEngine();',
  'await ensureDemoImage();',
  'await ensureDemoImage();',
].join('\n');

test('starts dockerd where a killed one left its files, and imports the demo image once', { skip }, async (t) => {
  const folder = await freshClone(t, { withPackages: false });
  const { DOCKER_HOST: _host, ...environment } = plainEnvironment();
  const file = join(folder, 'set-up.mjs');
  await writeFile(file, setup);
  const args = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script];
  const { code, stdout, stderr } = await runProgram(unshare, args, {
    cwd: folder,
    env: { ...environment, NODE: process.execPath, SETUP: file },
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  assert.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/ \(.*/, '')),
    [
      'Docker Engine → started',
      'Docker Engine → already there',
      'demo image aileron/demo:1 → imported',
      'demo image aileron/demo:1 → already there',
    ],
  );
  assert.match(await readFile(join(folder, '.aileron/dockerd.log'), 'utf8'), /API listen on/);
});
