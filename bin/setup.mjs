// node bin/setup.mjs: what a node needs beside its configuration, on the machine that it will run on: Node.js 24, the npm
// packages, Docker, the compression library. It starts nothing and is safe to run again; after an update too.
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureDockerEngine } from './setup/docker-engine.mjs';
import { ensureIsal } from './setup/isal.mjs';
import { ensureNode24 } from './setup/node24.mjs';
import { failWith } from './setup/step.mjs';

async function main() {
  const node24 = await ensureNode24();
  await ensureDependencies(node24);
  await ensureDockerEngine();
  await ensureIsal();
}

main().catch(failWith);
