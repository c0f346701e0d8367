// The pretended Panel as a program: `npm run panel [-- pterodactyl]`. It says how to make this folder a node of it, takes
// the commands of panel-shell.ts, and shows what the node tells it. AILERON_PANEL_PORT and AILERON_API_PORT move it and
// the node.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkout } from '../source-files.ts';
import { nodeDocument, ownSettings, usualPorts } from './panel-config.ts';
import { sentenceOf } from './panel-feed.ts';
import { PanelShell } from './panel-shell.ts';
import { PanelStandIn } from './panel-stand-in.ts';

const flavour = process.argv[2] ?? 'pelican';
if (flavour !== 'pelican' && flavour !== 'pterodactyl') {
  process.stderr.write(`There is no Panel ${flavour}; it is pelican or pterodactyl.\n`);
  process.exit(2);
}

/** A command is under way: its answer comes before the next prompt. */
let isBusy = false;
const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'panel> ' });
const panel = await PanelStandIn.start(
  { after: () => {} },
  {
    flavour,
    port: portOf('AILERON_PANEL_PORT', 8099),
    onAnswered(seen) {
      const sentence = sentenceOf(panel.state, seen);
      if (sentence !== undefined) show(sentence);
    },
  },
);
const ports = { ...usualPorts, api: portOf('AILERON_API_PORT', usualPorts.api) };
const directory = join(checkout, '.aileron', 'panel');
const place = { directory, user: serverUser(), ports };
const key = flavour === 'pelican' ? 'papp_demo' : 'ptla_demo';
panel.configuration = { key, document: nodeDocument(panel, place) };
mkdirSync(directory, { recursive: true, mode: 0o700 });
writeFileSync(join(directory, 'aileron.yml'), ownSettings(panel, place), { mode: 0o600 });

const configure = `
  bin/aileron configure --panel-url ${panel.url} --token ${key} --node ${panel.node.id} --config-path .aileron/panel/config.yml`;
process.stdout.write(`
A ${flavour} Panel is at ${panel.url}. Start its node in another terminal, in this folder:
${existsSync(join(directory, 'config.yml')) ? '' : configure}
  bin/aileron --config .aileron/panel/config.yml

Then make a server here: create lobby. help says what else there is.

`);

const shell = new PanelShell(panel, `http://127.0.0.1:${ports.api}`, show);
lines.prompt();
for await (const line of lines) {
  if (line.trim() === 'quit') break;
  isBusy = true;
  const answer = await shell.run(line);
  isBusy = false;
  if (answer !== '') process.stdout.write(`${answer}\n`);
  lines.prompt();
}
lines.close();
shell.close();
await panel.down();

/** Above the line that is being typed. */
function show(text: string): void {
  if (!process.stdout.isTTY) {
    process.stdout.write(`${text}\n`);
    return;
  }
  process.stdout.write(`\r\u001b[K${text}\n`);
  if (!isBusy) lines.prompt(true);
}

function portOf(name: string, usual: number): number {
  const port = Number(process.env[name] ?? usual);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  process.stderr.write(`The environment variable ${name} must be a port, not ${process.env[name]}.\n`);
  process.exit(2);
}

/** As npm start does: games do not run as root when there is a choice. */
function serverUser(): string {
  if (process.getuid?.() === 0 && /^games:/m.test(readFileSync('/etc/passwd', 'utf8'))) return 'games';
  return userInfo().username;
}
