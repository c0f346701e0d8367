// npm run test:large: sets up what is missing, then runs the tests that need tens of gigabytes of disk and minutes of time.
// They are no part of npm test.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureDockerEngine } from './setup/docker-engine.mjs';
import { ensureIsal } from './setup/isal.mjs';
import { ensureNode24 } from './setup/node24.mjs';
import { checkout } from './setup/paths.mjs';
import { failWith } from './setup/step.mjs';

async function main() {
  const node24 = await ensureNode24();
  await ensureDependencies(node24);
  await ensureIsal();
  await ensureDockerEngine();
  const files = readdirSync(join(checkout, 'test/large')).filter((name) => name.endsWith('.test.ts'));
  const child = spawn(
    node24,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      '--test-reporter=spec',
      ...files.map((name) => `test/large/${name}`),
    ],
    { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  child.on('error', failWith);
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

main().catch(failWith);
