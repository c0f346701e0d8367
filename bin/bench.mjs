// npm run bench: sets up what is missing, then runs every benchmark, or those that the arguments name, one after another
// and each in a process of its own. The table at the end has each figure beside its aim. An aim that is missed is told,
// not failed: machines differ. A benchmark that breaks or takes too long fails the run.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureStaticBusybox } from './setup/busybox.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureDockerEngine } from './setup/docker-engine.mjs';
import { ensureNode24 } from './setup/node24.mjs';
import { checkout } from './setup/paths.mjs';
import { failWith, SetupError } from './setup/step.mjs';

/** Of one benchmark; archives take three minutes, none of the others half as long. */
const limitMs = 400_000;

async function main(words) {
  const all = readdirSync(join(checkout, 'test/bench'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length));
  const selected = all.filter((name) => words.length === 0 || words.includes(name));
  const unknown = words.filter((word) => !all.includes(word));
  if (unknown.length > 0) throw new SetupError(`No benchmark ${unknown.join(', ')}; there are ${all.join(', ')}.`);
  const node24 = await ensureNode24();
  await ensureDependencies(node24);
  await ensureDockerEngine();
  await ensureStaticBusybox();

  const folder = mkdtempSync(join(tmpdir(), 'aileron-figures-'));
  const figures = join(folder, 'figures');
  try {
    for (const name of selected) {
      process.stdout.write(`\n${name}\n`);
      const code = await execute(node24, name, { ...process.env, BENCH_FIGURES: figures });
      if (code !== 0) {
        process.stdout.write(`  ${name} ended with ${code ?? 'a signal: it took too long'}\n`);
        process.exitCode = 1;
      }
    }
    if (existsSync(figures)) process.stdout.write(`\n${table(figures)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function execute(node24, name, env) {
  return new Promise((resolve, reject) => {
    const script = join(checkout, `test/bench/${name}.ts`);
    // The collector at call: a figure of memory means what is in use, not what nobody has cleared away yet.
    const child = spawn(node24, ['--expose-gc', '--disable-warning=ExperimentalWarning', script], {
      cwd: checkout,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    child.on('error', reject);
    child.on('exit', resolve);
  });
}

/** As Markdown, ready for docs/performance.md. */
function table(file) {
  const figures = readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);
  const rows = figures.map(({ what, figure, aim, missed, wings = '' }) => [
    what,
    missed ? `**${figure}**` : figure,
    aim,
    wings,
  ]);
  const all = [['What', 'Figure', 'Aim', 'Wings'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const missed = figures.filter((found) => found.missed).length;
  const sum =
    missed > 0 ? `${missed} of ${figures.filter(({ aim }) => aim).length} aims missed (bold).` : 'Every aim is met.';
  return [line(all[0]), rule, ...rows.map(line), '', sum].join('\n');
}

main(process.argv.slice(2)).catch(failWith);
