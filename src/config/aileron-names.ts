// Finds names that are none of our settings: in aileron.yml, where all must be, and among the variables of the environment
// with our prefix, which others set too. A slip ends the start, for what was meant would silently have its default.
import { settings } from './aileron-settings.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';
import type { Section } from './section.ts';
import { nearest } from './unknown-keys.ts';

const prefix = 'AILERON_';

/** Of the command line, of its launcher, of `npm start` and of `npm run panel`. */
const otherVariables = ['AILERON_CONFIG', 'AILERON_NODE_OPTIONS', 'AILERON_API_PORT', 'AILERON_PANEL_PORT'];

const variables: readonly string[] = [...settings.map(({ env }) => env), ...otherVariables];

/** Of aileron.yml. @throws ConfigError that names the key that was meant, else all there are */
export function refuseUnknownKeys(section: Section): void {
  const keys = settings.map(({ key }): string => key);
  const blocks = new Set(keys.filter((key) => key.includes('.')).map((key) => key.slice(0, key.indexOf('.'))));
  refuseOthers(section, [...keys.filter((key) => !key.includes('.')), ...blocks]);
  for (const block of blocks) {
    const known = keys.filter((key) => key.startsWith(`${block}.`)).map((key) => key.slice(block.length + 1));
    refuseOthers(section.section(block), known);
  }
}

function refuseOthers(section: Section, known: readonly string[]): void {
  for (const key of section.keys()) {
    if (known.includes(key)) continue;
    const right = nearest(key, known);
    throw right === undefined ? section.unknown(key, known) : section.misspelt(key, right);
  }
}

/** Those with our prefix that nobody reads. @throws ConfigError for one that is a slip away from one that is read */
export function unknownVariables(env: Environment): string[] {
  const set = Object.keys(env).filter((name) => name.startsWith(prefix) && env[name]);
  const unknown = set.filter((name) => !variables.includes(name));
  for (const name of unknown) {
    const right = nearest(name, variables);
    if (right === undefined) continue;
    throw new ConfigError(
      `The environment variable ${name} is not known; ${right} is meant, it seems. Correct or remove it.`,
    );
  }
  return unknown;
}
