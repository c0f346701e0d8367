// The pretended Panel as a program: `npm run panel [-- pterodactyl]`. It writes the configuration of a node, says how to
// start that, and takes the commands of panel-shell.ts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkout } from '../source-files.ts';
import { nodeFiles, usualPorts } from './panel-config.ts';
import { help, PanelShell } from './panel-shell.ts';
import { PanelStandIn } from './panel-stand-in.ts';

const port = 8099;

const flavour = process.argv[2] ?? 'pelican';
if (flavour !== 'pelican' && flavour !== 'pterodactyl') {
  process.stderr.write(`There is no Panel ${flavour}; it is pelican or pterodactyl.\n`);
  process.exit(2);
}

const panel = await PanelStandIn.start({ after: () => {} }, { flavour, port });
const shell = new PanelShell(panel, panel.daemon(`http://127.0.0.1:${usualPorts.api}`));
const demo = shell.addDemo();

const directory = join(checkout, '.aileron', 'panel');
mkdirSync(directory, { recursive: true, mode: 0o700 });
const files = nodeFiles(panel, directory, serverUser(), usualPorts);
writeFileSync(join(directory, 'config.yml'), files.config, { mode: 0o600 });
writeFileSync(join(directory, 'aileron.yml'), files.own, { mode: 0o600 });

process.stdout.write(`
A ${flavour} Panel listens on ${panel.url} and has one server, demo (${demo.uuid}).
Start its node in another terminal, in this folder:

  bin/aileron up --config .aileron/panel/config.yml

Then, here:

${help}

`);

const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'panel> ' });
lines.prompt();
for await (const line of lines) {
  if (line.trim() === 'quit') break;
  const answer = await shell.run(line);
  if (answer !== '') process.stdout.write(`${answer}\n`);
  lines.prompt();
}
lines.close();
await panel.down();

/** As npm start does: games do not run as root when there is a choice. */
function serverUser(): string {
  if (process.getuid?.() === 0 && /^games:/m.test(readFileSync('/etc/passwd', 'utf8'))) return 'games';
  return userInfo().username;
}
