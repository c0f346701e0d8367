// What every test against a real engine needs: an image that runs any shell line, unique names, and a clean end.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';

import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { ContainerBody, DockerEngine, HostConfig } from '../../src/docker/engine.ts';
import type { Owner } from './owner.ts';
import { type TarEntry, tar } from './tar.ts';

export type Env = Record<string, string | undefined>;

/** Raise the number with every change of the content: an image that exists is taken as it is. */
export const testImageTag = 'aileron-test/busybox:1';

/** Runs what the variable STARTUP says, as the images of game servers do. */
export const testCommand = ['/bin/sh', '-c', 'eval "$STARTUP"'];
const applets =
  'sh ash cat chmod date dd echo env false free head id kill ls mkdir mount nc nproc od printf ps rm sed seq sleep stat stty sync tail tee test touch tr true wc wget yes';

/** For `{ skip: await needsDocker() }`: false when an engine answers, else the reason. */
export async function needsDocker(env: Env = process.env): Promise<string | false> {
  try {
    await createDockerEngine(env, { timeoutMs: 5_000 }).ping();
    return false;
  } catch {
    return 'needs docker';
  }
}

export function uniqueName(prefix = 'aileron-test'): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** Makes the image in this engine unless it is there. Answers its tag. */
export async function testImage(env: Env = process.env): Promise<string> {
  const docker = createDockerEngine(env);
  if (await docker.inspectImage(testImageTag)) return testImageTag;
  const [repo, tag] = testImageTag.split(':') as [string, string];
  const query = new URLSearchParams({ fromSrc: '-', repo, tag, changes: `CMD ${JSON.stringify(testCommand)}` });
  const made = JSON.parse(await request(env, 'POST', `/images/create?${query}`, rootFileSystem())) as {
    status: string;
  };
  // Two test files may do this at once: whoever lost the tag takes its copy away.
  if ((await docker.inspectImage(testImageTag))?.id !== made.status)
    await request(env, 'DELETE', `/images/${made.status}`);
  return testImageTag;
}

/** A body that runs `startup` with the fields a game server has. */
export function testBody(
  image: string,
  startup: string,
  changes: Partial<Omit<ContainerBody, 'HostConfig'>> = {},
  host: Partial<HostConfig> = {},
): ContainerBody {
  return {
    Hostname: 'test',
    Domainname: '',
    User: '0:0',
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    Tty: true,
    Image: image,
    Env: [`STARTUP=${startup}`],
    ExposedPorts: {},
    Labels: {},
    ...changes,
    HostConfig: {
      Mounts: [],
      PortBindings: {},
      Tmpfs: {},
      OomKillDisable: false,
      Dns: [],
      LogConfig: {},
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      CapDrop: [],
      NetworkMode: 'none',
      UsernsMode: '',
      ...host,
    },
  };
}

/** Removes every container that bears the label, running or not. */
export async function removeContainers(docker: DockerEngine, labels: Record<string, string>): Promise<void> {
  for (const { id } of await docker.listContainers(labels)) await docker.removeContainer(id, { force: true });
}

/** A label of this test alone; what bears it is removed at its end. */
export function ownLabel(t: Owner, docker: DockerEngine): Record<string, string> {
  const labels = { 'dev.aileron.test': uniqueName() };
  t.after(() => removeContainers(docker, labels));
  return labels;
}

/** One plain call to the engine's API with JSON, for what another daemon does. @throws Error with the answer */
export async function requestJson(
  env: Env,
  method: string,
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  const answer = await request(env, method, path, Buffer.from(JSON.stringify(body)), 'application/json');
  return JSON.parse(answer) as Record<string, unknown>;
}

/** One plain call to the engine's API, for what the daemon itself never does. @throws Error with the answer */
export function request(
  env: Env,
  method: string,
  path: string,
  body?: Buffer,
  type = 'application/x-tar',
): Promise<string> {
  const socketPath = (env['DOCKER_HOST'] || 'unix:///var/run/docker.sock').replace('unix://', '');
  const headers = body ? { 'Content-Type': type, 'Content-Length': body.length } : {};
  return new Promise((resolve, reject) => {
    const call = http.request({ socketPath, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
      });
      answer.on('error', reject);
      answer.on('end', () => {
        if ((answer.statusCode ?? 500) < 300) resolve(text);
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Of the image, as a tar archive. */
export function rootFileSystem(): Buffer {
  const directories = ['bin', 'dev', 'etc', 'home', 'home/container', 'proc', 'sys', 'tmp', 'mnt', 'root'];
  const entries: TarEntry[] = directories.map((name) => ({ type: 'directory', name: `${name}/`, mode: 0o755 }));
  const passwd = Buffer.from('root:x:0:0:root:/root:/bin/sh\ncontainer:x:999:999::/home/container:/bin/sh\n');
  const group = Buffer.from('root:x:0:\ncontainer:x:999:\n');
  entries.push(
    { type: 'file', name: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') },
    { type: 'file', name: 'etc/passwd', mode: 0o644, content: passwd },
    { type: 'file', name: 'etc/group', mode: 0o644, content: group },
    { type: 'file', name: 'etc/machine-id', mode: 0o644, content: Buffer.from('') },
    ...applets.split(' ').map((name): TarEntry => ({ type: 'link', name: `bin/${name}`, target: 'busybox' })),
  );
  return tar(entries);
}
