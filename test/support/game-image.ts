// A Docker image with a real game server in it: OpenTTD as Debian ships it, unpacked by mmdebstrap, with an entrypoint
// that treats STARTUP as the images of game panels do. Made once; Docker keeps it, and a label tells what it was made of.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { type Env, request } from './docker.ts';
import { runProgram } from './run-program.ts';

const repository = 'aileron-test/openttd';
const tag = '1';
const contentLabel = 'dev.aileron.content';

/** Some 60 MB come over the network, which may be slow. */
const buildTimeoutMs = 240_000;

/** Nothing is configured by maintainer scripts (`extract`): the game needs files only, and it is three times as fast. */
const recipe = [
  '--variant=extract',
  '--include=openttd,openttd-opengfx,dash,sed',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  'bookworm',
];

/** `{{NAME}}` becomes `${NAME}`; the process of the container is the game itself, so that signals reach it. */
const entrypoint = ['/bin/sh', '-c', `eval "exec $(printf %s "$STARTUP" | sed 's/{{/\${/g; s/}}/}/g')"`];

const changes = [
  `ENTRYPOINT ${JSON.stringify(entrypoint)}`,
  'WORKDIR /home/container',
  'ENV HOME=/home/container',
  'ENV PATH=/usr/games:/usr/bin:/bin',
];

/** For `{ skip }`: false when the image can be made or is there, else what is missing. */
export async function needsGameImage(env: Env = process.env): Promise<string | false> {
  if (await imported(env)) return false;
  const { code } = await runProgram('mmdebstrap', ['--version']).catch(() => ({ code: 127 }));
  return code === 0 ? false : 'needs mmdebstrap';
}

/** Answers the tag of the image; makes it where there is none of this recipe. @throws Error with what mmdebstrap said */
export async function gameImage(env: Env = process.env): Promise<string> {
  if (await imported(env)) return `${repository}:${tag}`;
  const folder = mkdtempSync(join(tmpdir(), 'aileron-image-'));
  try {
    const file = join(folder, 'root.tar');
    const { code, stderr } = await runProgram('mmdebstrap', [...recipe, file], { timeout: buildTimeoutMs });
    if (code !== 0) throw new Error(`mmdebstrap ended with ${code}: ${stderr.slice(-2000)}`);
    await importImage(env, readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return `${repository}:${tag}`;
}

async function importImage(env: Env, archive: Buffer): Promise<void> {
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag });
  for (const change of [...changes, `LABEL ${contentLabel}=${contentHash()}`]) query.append('changes', change);
  const answer = await request(env, 'POST', `/images/create?${query}`, archive);
  // Docker answers 200 before it reads the archive; a failure is a line of the body.
  if (answer.includes('"error"')) throw new Error(`Docker refused the image of the game: ${answer}`);
}

async function imported(env: Env): Promise<boolean> {
  if (
    !(await createDockerEngine(env)
      .inspectImage(`${repository}:${tag}`)
      .catch(() => undefined))
  )
    return false;
  const image = JSON.parse(await request(env, 'GET', `/images/${repository}:${tag}/json`)) as ImageJson;
  return image.Config?.Labels?.[contentLabel] === contentHash();
}

interface ImageJson {
  Config?: { Labels?: Record<string, string> | null };
}

function contentHash(): string {
  return createHash('sha256')
    .update(JSON.stringify([recipe, changes]))
    .digest('hex')
    .slice(0, 16);
}
