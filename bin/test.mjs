// npm test: sets up what is missing, then runs every check, or those that the arguments name: a check ("npm test --
// unit") or a part of a test file's path. The last line tells the counts over all of them.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDemoImage } from './setup/demo-image.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureDockerEngine } from './setup/docker-engine.mjs';
import { ensureIsal } from './setup/isal.mjs';
import { ensureNode24 } from './setup/node24.mjs';
import { checkout } from './setup/paths.mjs';
import { failWith, SetupError } from './setup/step.mjs';
import { ensureTestTools } from './setup/test-tools.mjs';
import { checks, selectChecks } from './test/checks.mjs';
import { runCheck } from './test/run-check.mjs';

const needDocker = new Set(['integration', 'e2e', 'fault']);

async function main(words) {
  const selected = selectChecks(words, testFiles);
  if (selected.length === 0) {
    const names = checks.map(({ name }) => name).join(', ');
    throw new SetupError(`No check and no test file matches ${words.join(' ')}; the checks are ${names}.`);
  }
  const node24 = await ensureNode24();
  await ensureDependencies(node24);
  await ensureIsal();
  if (selected.some(({ name }) => needDocker.has(name))) {
    await ensureDockerEngine();
    await ensureTestTools();
    await ensureDemoImage();
  }

  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const check of selected) {
    process.stdout.write(`\n${check.name}\n`);
    const startedAt = performance.now();
    const counts = await runCheck(check, node24);
    process.stdout.write(`  ${summary(counts)} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  process.stdout.write(`\n${summary(total)}\n`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function testFiles(folder) {
  if (!existsSync(join(checkout, folder))) return [];
  return readdirSync(join(checkout, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
    .sort();
}

main(process.argv.slice(2)).catch(failWith);
