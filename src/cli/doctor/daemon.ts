// Whether the daemon runs, answers, feels well, and is the version that this command line belongs to.
import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import { findCondition } from '../../resources/conditions.ts';
import type { Node } from '../../resources/node.ts';
import { descriptorLimit, fewestDescriptors } from '../../telemetry/descriptor-limit.ts';
import { aileronVersion } from '../../telemetry/version.ts';
import { CliError } from '../exit-codes.ts';
import { KubeClient } from '../kube-client.ts';
import { addressOf, localPki } from '../node-access.ts';
import { askOps } from '../server-usage.ts';
import { type Check, type Finding, messageOf, ok, problem, warning } from './finding.ts';

/** The process that the pid file names, when it is one of ours. */
export async function runningDaemon(config: Config): Promise<number | undefined> {
  const text = await readFile(`${config.aileron.store.path}.pid`, 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  // The number may long be another program's.
  return words.some((word) => /(?:^|\/)node\d*$/.test(word)) ? pid : undefined;
}

export const checkDaemon: Check = async ({ config, daemon }) => {
  if (daemon === undefined) {
    return [
      warning('The daemon does not run', `Start it: aileron up --config ${config.path}, or systemctl start aileron.`),
    ];
  }
  const answers = [...(await health(config)), ...(await kubeApi(config))];
  return [ok(`The daemon runs (process ${daemon})`), ...descriptors(daemon), ...answers];
};

function descriptors(pid: number): Finding[] {
  const limit = descriptorLimit(`/proc/${pid}/limits`);
  if (limit === undefined || limit >= fewestDescriptors) return [];
  return [
    warning(
      `It may hold ${limit} files and connections open, which a large node comes to`,
      `Set LimitNOFILE=65536 in its systemd unit, or raise ulimit -Hn to ${fewestDescriptors} or more where it is started.`,
    ),
  ];
}

async function health({ aileron: { ops } }: Config): Promise<Finding[]> {
  const url = `http://${addressOf(ops)}/readyz?verbose`;
  try {
    const { status, text } = await askOps(url);
    if (status === 200) return [ok('It is ready')];
    const failed = text.split('\n').filter((line) => line.startsWith('[-]'));
    if (failed.length === 0)
      return [
        problem(`${url} answers with ${status}`, 'Another program may hold that port; see ops.port in aileron.yml.'),
      ];
    return failed.map((line) =>
      problem(
        `It is not ready: ${line.slice(3)}`,
        'Its log says more; see the findings about Docker and the disk too.',
      ),
    );
  } catch (error) {
    return [
      problem(
        `Its health endpoint ${url} does not answer (${messageOf(error)})`,
        'Its log says why; a restart does not touch games.',
      ),
    ];
  }
}

async function kubeApi(config: Config): Promise<Finding[]> {
  const { kube } = config.aileron;
  if (kube.port === 0)
    return [warning('kube.port is 0, so nobody knows where the kube API is', 'Set a port in aileron.yml.')];
  try {
    const { caCertificate: ca, token } = await localPki(config);
    const client = new KubeClient({ origin: `https://${addressOf(kube)}`, ca, token });
    try {
      const { gitVersion } = (await client.json('GET', '/version')) as { gitVersion?: string };
      await client.json('GET', '/apis/aileron.dev/v1');
      return [versionFinding(gitVersion ?? ''), ...(await otherNames(client, config.aileron.nodeName))];
    } finally {
      client.close();
    }
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [problem(error.message.replace(/\.$/, ''), 'Restart the daemon; when it stays so, its log says why.')];
  }
}

/** Objects that nobody works on because the node was called otherwise when they were made. */
async function otherNames(client: KubeClient, nodeName: string): Promise<Finding[]> {
  const { items } = (await client.json('GET', '/apis/aileron.dev/v1/nodes')) as { items: Node[] };
  const node = items.find(({ metadata }) => metadata.name === nodeName);
  const found = findCondition(node?.status?.conditions, 'ForeignObjects');
  if (found?.status !== 'True') return [];
  const [says = '', ...remedy] = found.message.split(/\. (?=If )/);
  return [warning(says, remedy.join(' '))];
}

function versionFinding(gitVersion: string): Finding {
  const running = /\+aileron-(.+)$/.exec(gitVersion)?.[1];
  if (running === undefined || running === aileronVersion)
    return ok(`The kube API answers (version ${aileronVersion})`);
  return warning(
    `The daemon runs version ${running}, and ${aileronVersion} is installed`,
    'Restart the daemon; games run on.',
  );
}
