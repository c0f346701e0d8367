// Runs one check with its output on the terminal and tells its counts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../setup/paths.mjs';

/** Longest time of a single test, so that none hangs the run. */
const testTimeoutMs = 120_000;
/** Longest time of one check; the whole run must end well before a CI gives up. */
const checkTimeoutMs = 20 * 60_000;

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * @param {import('./checks.mjs').Check & { paths?: string[] }} check
 * @param {string} node24
 * @returns {Promise<Counts>}
 */
export async function runCheck(check, node24) {
  if (check.program) {
    // The tools are Node.js programs: they run under the pinned one too.
    const passed = (await execute(node24, [join(checkout, check.program), ...check.args])) === 0;
    return { passed: Number(passed), failed: Number(!passed), skipped: 0 };
  }
  return runTestFiles(check, node24);
}

async function runTestFiles({ name, paths, concurrency }, node24) {
  const folder = mkdtempSync(join(tmpdir(), 'aileron-test-'));
  const countsFile = join(folder, 'counts.json');
  try {
    const exitCode = await execute(node24, [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${testTimeoutMs}`,
      `--test-reporter=${join(checkout, 'bin/test/report.mjs')}`,
      '--test-reporter-destination=stdout',
      `--test-reporter=${join(checkout, 'bin/test/counts.mjs')}`,
      `--test-reporter-destination=${countsFile}`,
      ...paths,
    ]);
    const counts = readCounts(countsFile);
    // A run that broke off, or failed in a way no test tells, must not pass for a good one.
    if (!counts) return { passed: 0, failed: 1, skipped: 0 };
    return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } catch (error) {
    throw new Error(`The ${name} tests could not be run.`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns {Counts | undefined} */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function execute(program, args) {
  return new Promise((resolve, reject) => {
    // NODE_OPTIONS and the test runner's own variables would change how the tests run.
    const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const child = spawn(program, args, {
      cwd: checkout,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: checkTimeoutMs,
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
