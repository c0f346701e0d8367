// The image of the demo server: a static busybox and two scripts of manifests/demo, imported without any registry.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applets, ensureStaticBusybox } from './busybox.mjs';
import { dockerCall } from './docker-api.mjs';
import { checkout } from './paths.mjs';
import { SetupError, step } from './step.mjs';
import { tarOf } from './tar.mjs';

const repository = 'aileron/demo';
const tag = '1';
const contentLabel = 'dev.aileron.content';
const scripts = join(checkout, 'manifests/demo');

/** Imports the image unless the one that Docker has was made from the same scripts. */
export async function ensureDemoImage() {
  await step(`demo image ${repository}:${tag}`, async () => {
    const content = contentHash();
    if ((await importedContent()) === content) return 'already there';
    await importImage(content);
    return 'imported';
  });
}

function contentHash() {
  const hash = createHash('sha256');
  for (const name of ['entrypoint.sh', 'game.sh']) hash.update(readFileSync(join(scripts, name)));
  return hash.digest('hex').slice(0, 16);
}

async function importedContent() {
  const { status, text } = await dockerCall({ path: `/images/${repository}:${tag}/json` });
  return status === 200 ? JSON.parse(text).Config?.Labels?.[contentLabel] : undefined;
}

async function importImage(content) {
  const changes = [
    'ENTRYPOINT ["/entrypoint.sh"]',
    'WORKDIR /home/container',
    'ENV HOME=/home/container',
    `LABEL ${contentLabel}=${content}`,
  ];
  const query = new URLSearchParams([
    ['fromSrc', '-'],
    ['repo', repository],
    ['tag', tag],
    ...changes.map((change) => ['changes', change]),
  ]);
  const { status, text } = await dockerCall({
    method: 'POST',
    path: `/images/create?${query}`,
    body: await rootFileSystem(),
    contentType: 'application/x-tar',
  });
  // Docker answers 200 before it reads the archive; a failure is a line of the body.
  if (status !== 200 || text.includes('"error"')) throw new SetupError(`Docker refused the demo image: ${text.trim()}`);
}

async function rootFileSystem() {
  const busybox = await ensureStaticBusybox();
  const directories = ['bin', 'dev', 'etc', 'home', 'home/container', 'proc', 'sys', 'tmp'];
  return tarOf([
    ...directories.map((name) => ({ name: `${name}/`, mode: 0o755 })),
    { name: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) },
    ...(await applets(busybox))
      .filter((name) => name !== 'busybox')
      .map((name) => ({ name: `bin/${name}`, linkTo: 'busybox' })),
    // Mount points of what the node lays over them.
    {
      name: 'etc/passwd',
      mode: 0o644,
      content: Buffer.from('root:x:0:0::/:/bin/sh\ncontainer:x:65534:65534::/home/container:/bin/sh\n'),
    },
    { name: 'etc/group', mode: 0o644, content: Buffer.from('root:x:0:\ncontainer:x:65534:\n') },
    { name: 'etc/machine-id', mode: 0o644, content: Buffer.from('\n') },
    ...['entrypoint.sh', 'game.sh'].map((name) => ({ name, mode: 0o755, content: readFileSync(join(scripts, name)) })),
  ]);
}
