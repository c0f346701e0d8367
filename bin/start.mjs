// npm start: sets up what is missing, then runs a node with the demo server until Ctrl-C. Safe to run again at any time.
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { configFile, ensureConfiguration } from './setup/configuration.mjs';
import { ensureDemoImage } from './setup/demo-image.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureDockerEngine } from './setup/docker-engine.mjs';
import { ensureIsal } from './setup/isal.mjs';
import { startNode, untilReady } from './setup/node-process.mjs';
import { ensureNode24 } from './setup/node24.mjs';
import { checkout, stateDirectory } from './setup/paths.mjs';
import { findProgram, run } from './setup/run.mjs';
import { failWith } from './setup/step.mjs';

const aileron = join(checkout, 'bin/aileron');
const kubeconfig = join(stateDirectory, 'kubeconfig');

async function main() {
  const node24 = await ensureNode24();
  await ensureDependencies(node24);
  await ensureDockerEngine();
  await ensureIsal();
  await ensureDemoImage();
  await ensureConfiguration();

  process.stdout.write('node → starting\n');
  const { ended, wasAskedToStop } = startNode({
    program: aileron,
    args: ['up', '--config', configFile],
    onStopRequest: () => process.stdout.write('\nStopping the node; games and Docker run on.\n'),
  });
  const settings = await effectiveSettings(node24);
  if (settings && (await untilReady(settings.ops, ended))) {
    writeFileSync(kubeconfig, await run(aileron, ['kubeconfig', '--config', configFile]), { mode: 0o600 });
    process.stdout.write(nextSteps(settings));
  }

  process.exitCode = await ended;
  if (wasAskedToStop() && process.exitCode === 0) {
    process.stdout.write('The node has stopped. Games and Docker run on; npm start takes them up again.\n');
  }
}

/** Undefined when the configuration cannot be read: the daemon finds the same and says it. */
async function effectiveSettings(node24) {
  try {
    const script = join(checkout, 'bin/setup/effective-settings.mjs');
    return JSON.parse(await run(node24, ['--disable-warning=ExperimentalWarning', script, configFile]));
  } catch {
    return undefined;
  }
}

function nextSteps({ kube, ops }) {
  const kubectl = findProgram('kubectl')
    ? ''
    : '\nkubectl is missing here: install version 1.30 or newer to type these.\n';
  return `
The node is up. In another terminal, in this folder:

  export KUBECONFIG=$PWD/${relative(checkout, kubeconfig)}
  kubectl get servers
  kubectl describe server demo
  kubectl patch server demo --type=merge -p '{"spec":{"power":{"desired":"Stopped"}}}'
  kubectl patch server demo --type=merge -p '{"spec":{"power":{"desired":"Running"}}}'
  docker logs -f $(kubectl get server demo -o jsonpath='{.spec.uuid}')
${kubectl}
Kube API  https://${kube.host}:${kube.port}
Health    http://${ops.host}:${ops.port}/readyz?verbose   metrics /metrics
Settings  ${relative(checkout, configFile)} and aileron.yml beside it

Ctrl-C stops the node; games and Docker run on.
`;
}

main().catch(failWith);
