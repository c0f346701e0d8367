// The report that people send when they ask for help: what runs, how it is set, what it said last. Pure. Where the node
// and its Panel are is left out unless it is asked for, from the log as well; the token never is in it.
import type { Config, Flavour } from '../config/config.ts';
import type { EngineInfo } from '../docker/engine.ts';
import { hidden, hostHider } from './hide-hosts.ts';

export interface DiagnosticsOptions {
  /** Show where the Panel and the doors of the node are. */
  endpoints: boolean;
  logs: boolean;
  /** The last so many. */
  logLines: number;
}

export interface DiagnosticsFacts {
  config: Config;
  /** Name of this machine. */
  machine: string;
  /** Of this daemon, of Node.js, of the kernel. */
  versions: { daemon: string; node: string; kernel: string };
  /** RFC 3339. */
  now: string;
  /** Undefined, with the reason: Docker does not answer. */
  docker:
    | { info: EngineInfo; containers: readonly { id: string; name: string; running: boolean }[] }
    | { failure: string };
  /** Undefined: they were not asked for. A text: why there are none. */
  logs: readonly string[] | string | undefined;
}

const titles: Record<Flavour, string> = {
  pterodactyl: 'Pterodactyl Wings - Diagnostics Report',
  pelican: 'Pelican Wings - Diagnostics Report',
};

const mostContainers = 1_000;

export function diagnosticsReport(
  facts: DiagnosticsFacts,
  { endpoints }: Pick<DiagnosticsOptions, 'endpoints'>,
): string {
  const { config, logs, machine } = facts;
  const hide = endpoints ? (text: string) => text : hostHider(config, machine);
  return [
    titles[config.flavour],
    ...section('Versions', versionLines(facts)),
    ...section(
      'Wings Configuration',
      configurationLines(facts, (text) => (endpoints ? text : hidden)),
    ),
    ...section('Docker: Info', dockerLines(facts).map(hide)),
    ...section('Docker: Running Containers', containerLines(facts)),
    ...section('Latest Wings Logs', (typeof logs === 'string' ? [logs] : (logs ?? ['Logs redacted.'])).map(hide)),
    '',
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return ['', '|', `| ${title}`, '| ------------------------------', ...lines];
}

function versionLines({ versions, docker, config }: DiagnosticsFacts): string[] {
  return fields([
    ['Aileron', versions.daemon],
    ['Panel', config.flavour],
    ['Node.js', versions.node],
    ['Docker', 'failure' in docker ? 'unknown' : docker.info.version],
    ['Kernel', versions.kernel],
    ['OS', 'failure' in docker ? 'unknown' : docker.info.os],
  ]);
}

function configurationLines({ config, now }: DiagnosticsFacts, endpoint: (text: string) => string): string[] {
  const { api, system, aileron } = config;
  return fields([
    ['Panel Location', endpoint(config.remote)],
    ['', ''],
    ['Internal Webserver', `${endpoint(api.host)} : ${api.port}`],
    ['SSL Enabled', String(api.ssl.enabled)],
    ['SSL Certificate', endpoint(api.ssl.cert)],
    ['SSL Key', endpoint(api.ssl.key)],
    ['', ''],
    ['SFTP Server', `${endpoint(system.sftp.host)} : ${system.sftp.port}`],
    ['SFTP Read-Only', String(system.sftp.readOnly)],
    ['', ''],
    ['Root Directory', system.rootDirectory],
    ['Logs Directory', system.logDirectory],
    ['Data Directory', system.data],
    ['Archive Directory', system.archiveDirectory],
    ['Backup Directory', system.backupDirectory],
    ['State', aileron.store.path],
    ['', ''],
    ['Username', `${system.username} (${system.user.uid}:${system.user.gid})`],
    ['Server Time', now],
    ['Time Zone', system.timezone],
    ['Debug Mode', String(config.debug)],
  ]);
}

function dockerLines({ docker }: DiagnosticsFacts): string[] {
  if ('failure' in docker) return [`Docker does not answer: ${docker.failure}`];
  const { info } = docker;
  const { total, running, paused, stopped } = info.containers;
  return fields([
    ['Server Version', `${info.version} (API ${info.apiVersion})`],
    ['Storage Driver', `${info.storageDriver} ${info.backingFilesystem}`.trim()],
    ['Cgroups', `version ${info.cgroupVersion}, ${info.cgroupDriver}`],
    ['containerd, runc', `${info.containerdVersion || 'unknown'}, ${info.runcVersion || 'unknown'}`],
    ['CPUs, Memory', `${info.cpus}, ${Math.round(info.memoryBytes / 1_048_576)} MiB`],
    ['Containers', `${total} (${running} running, ${paused} paused, ${stopped} stopped)`],
  ]);
}

function containerLines({ docker }: DiagnosticsFacts): string[] {
  if ('failure' in docker) return ['Docker does not answer.'];
  const running = docker.containers.filter((container) => container.running);
  const shown = running.slice(0, mostContainers).map(({ id, name }) => `${id.slice(0, 12)}  ${name}`);
  if (running.length > mostContainers) shown.push(`and ${running.length - mostContainers} more`);
  return shown.length > 0 ? shown : ['There are none.'];
}

function fields(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  return pairs.map(([name, value]) => (name === '' ? '' : `${name.padStart(20)}: ${value}`));
}
