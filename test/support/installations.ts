// Installations of a live node, as somebody with kubectl makes them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallMessage } from '../../src/bus/bus.ts';
import type { ContainerInfo } from '../../src/docker/engine.ts';
import type { Installation, InstallationSpec } from '../../src/resources/installation.ts';
import type { LiveNode } from './live-node.ts';
import { ApiError } from './node-client.ts';
import { until } from './until.ts';

const path = '/apis/aileron.dev/v1/installations';
const patienceMs = 30_000;

/** Of a script that runs in the image of the tests. */
export function scriptOf(node: LiveNode, ...lines: string[]): NonNullable<InstallationSpec['script']> {
  return { image: `~${node.image}`, entrypoint: 'sh', script: `${lines.join('\r\n')}\r\n` };
}

/** @throws ApiError */
export async function createInstallation(
  node: LiveNode,
  name: string,
  { server, ...spec }: Partial<InstallationSpec> & { server: string },
): Promise<Installation> {
  const object = {
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Installation', metadata: { name } },
    spec: { serverRef: { name: server }, ...spec },
  };
  return (await node.api.call('POST', path, object)) as Installation;
}

export async function getInstallation(node: LiveNode, name: string): Promise<Installation | undefined> {
  try {
    return (await node.api.call('GET', `${path}/${name}`)) as Installation;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

export async function listInstallations(node: LiveNode): Promise<Installation[]> {
  return ((await node.api.call('GET', path)) as { items: Installation[] }).items;
}

export async function cancelInstallation(node: LiveNode, name: string): Promise<void> {
  await node.api.call('PATCH', `${path}/${name}`, { spec: { cancel: true } });
}

export async function deleteInstallation(node: LiveNode, name: string): Promise<void> {
  await node.api.call('DELETE', `${path}/${name}`);
}

export async function untilInstallation(
  node: LiveNode,
  name: string,
  what: string,
  wanted: (installation: Installation) => boolean,
  ms = patienceMs,
): Promise<Installation> {
  let last: Installation | undefined;
  try {
    return await until(what, ms, async () => {
      last = await getInstallation(node, name);
      return last && wanted(last) && last;
    });
  } catch (error) {
    throw new Error(`${name}: ${what}; it is ${JSON.stringify(last?.status)}`, { cause: error });
  }
}

export function untilInstallationIs(node: LiveNode, name: string, phase: string, ms?: number): Promise<Installation> {
  return untilInstallation(node, name, `it is ${phase}`, ({ status }) => status?.phase === phase, ms);
}

export function installer(node: LiveNode, uuid: string): Promise<ContainerInfo | undefined> {
  return node.docker.inspectContainer(`${uuid}_installer`);
}

/** What stands below the heading of the output, with line ends as a file has them. */
export function outputIn(node: LiveNode, uuid: string): string {
  const text = readFileSync(logOf(node, uuid), 'utf8');
  const heading = '| Script Output\n| ------------------------------\n';
  return text.slice(text.indexOf(heading) + heading.length).replaceAll('\r\n', '\n');
}

export function logOf(node: LiveNode, uuid: string): string {
  return join(node.config.system.logDirectory, 'install', `${uuid}.log`);
}

export function scriptDirectoryOf(node: LiveNode, uuid: string): string {
  return join(node.config.system.tmpDirectory, uuid);
}

export function inVolume(node: LiveNode, uuid: string, name: string): string | undefined {
  const file = join(node.volume(uuid), name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** `started`, `running`, `> line`, `completed`. */
export function told(messages: readonly InstallMessage[]): string[] {
  return messages.map((message) => (message.step === 'output' ? `> ${message.text}` : message.step));
}
