// npm run panel: a pretended Panel to try a node with. It answers `aileron configure`, takes simple commands, and shows
// what the node tells it; Ctrl-C or `quit` ends it, and the node goes on without it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureDemoImage } from './setup/demo-image.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureDockerEngine } from './setup/docker-engine.mjs';
import { ensureNode24 } from './setup/node24.mjs';
import { checkout } from './setup/paths.mjs';
import { failWith } from './setup/step.mjs';

async function main(words) {
  const node24 = await ensureNode24();
  await ensureDependencies(node24);
  await ensureDockerEngine();
  await ensureDemoImage();
  const script = join(checkout, 'test/support/panel/panel-main.ts');
  const child = spawn(node24, ['--disable-warning=ExperimentalWarning', script, ...words], {
    cwd: checkout,
    stdio: 'inherit',
  });
  // The terminal sends Ctrl-C to both; the child says goodbye.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

main(process.argv.slice(2)).catch(failWith);
