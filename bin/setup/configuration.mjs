// The configuration of a node for trying things out: everything below .aileron of the checkout, every port on the
// loopback address, secrets made here. A file that exists is never touched: it belongs to whoever edits it.
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { checkout, stateDirectory } from './paths.mjs';
import { SetupError, step } from './step.mjs';

export const configFile = join(stateDirectory, 'config.yml');

export async function ensureConfiguration() {
  await step('configuration .aileron/config.yml and .aileron/aileron.yml', () => {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    const files = [
      [configFile, nodeConfiguration],
      [join(stateDirectory, 'aileron.yml'), ownConfiguration],
    ];
    const missing = files.filter(([path]) => !existsSync(path));
    for (const [path, text] of missing) writeFileSync(path, text(), { mode: 0o600, flag: 'wx' });
    return missing.length > 0 ? 'written' : 'already there';
  });
}

function nodeConfiguration() {
  return `# Written once by npm start; yours to change.
app_name: Aileron
uuid: ${randomUUID()}
token_id: ${randomBytes(8).toString('hex')}
token: ${randomBytes(32).toString('hex')}
api:
  host: 127.0.0.1
  port: ${apiPort()}
system:
  root_directory: ${below('node')}
  log_directory: ${below('log')}
  data: ${below('volumes')}
  archive_directory: ${below('archives')}
  backup_directory: ${below('backups')}
  tmp_directory: ${below('tmp')}
  username: ${serverUser()}
  user:
    passwd:
      enable: true
      directory: ${below('etc')}
  machine_id:
    enable: true
    directory: ${below('machine-id')}
  sftp:
    bind_address: 127.0.0.1
    bind_port: 2022
  enable_log_rotate: false
allowed_mounts: []
remote: ''
`;
}

function ownConfiguration() {
  return `# Written once by npm start; yours to change. docs/configuration.md names every key.
flavour: pelican
kube:
  host: 127.0.0.1
  port: 8443
ops:
  host: 127.0.0.1
  port: 9464
manifests: ${JSON.stringify(join(checkout, 'manifests/demo'))}
store:
  path: ${below('state/store.db')}
`;
}

/** Only what is written here has no variable of its own later: it is a key of Wings. */
function apiPort() {
  const port = Number(process.env.AILERON_API_PORT ?? 8080);
  if (Number.isInteger(port) && port > 0 && port <= 65535) return port;
  throw new SetupError(
    `The environment variable AILERON_API_PORT must be a port, not ${process.env.AILERON_API_PORT}.`,
  );
}

function below(path) {
  return JSON.stringify(join(stateDirectory, path)); // a JSON string is a YAML string
}

/** Games do not run as root when there is a choice: Debian and its kin have a user for them. */
function serverUser() {
  if (process.getuid?.() === 0 && /^games:/m.test(readFileSync('/etc/passwd', 'utf8'))) return 'games';
  return userInfo().username;
}
