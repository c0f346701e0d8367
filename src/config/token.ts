// The node's credentials: from the environment, or from config.yml as they stand, as a variable, or as a file.
import { ConfigError } from './config-error.ts';
import { readConfigFile } from './config-file.ts';
import type { Environment } from './environment.ts';
import type { Section } from './section.ts';

export interface TokenInput {
  file: string;
  config: Section;
  env: Environment;
  warn(message: string): void;
}

/** @throws ConfigError for an empty token, an unreadable file, or what cannot stand in a header */
export async function readToken(input: TokenInput): Promise<{ id: string; secret: string }> {
  const id = await credential(input, 'token_id', 'WINGS_TOKEN_ID');
  const secret = await credential(input, 'token', 'WINGS_TOKEN');
  if (secret === '') {
    throw new ConfigError(
      `${input.file}: token is empty; set it to the node's token, or to file://PATH, or set WINGS_TOKEN.`,
    );
  }
  return { id, secret };
}

async function credential({ file, config, env, warn }: TokenInput, key: string, variable: string): Promise<string> {
  const override = env[variable];
  const text = override || expanded(config.text(key, ''), env);
  const path = text.startsWith('file://') ? text.slice('file://'.length) : undefined;
  const value = path === undefined ? text : await contentOf(path, `${file}: ${key}`, warn);
  // Control characters cannot stand in a header; a space within a token is a paste gone wrong.
  if (!/^[\x21-\x7e]*$/.test(value)) {
    const where = override ? `The environment variable ${variable}` : `${file}: ${key}`;
    throw new ConfigError(`${where} must be letters, digits and signs without spaces or line breaks.`);
  }
  return value;
}

/** `variable`: of the environment, wholly or in part. `file`: of the file that the value names. */
export type CredentialSource = 'literal' | 'variable' | 'file';

/** Where the credentials in force come from. */
export function tokenSources(config: Section, env: Environment): { id: CredentialSource; secret: CredentialSource } {
  const sourceOf = (key: string, variable: string): CredentialSource => {
    if (env[variable]) return 'variable';
    const written = config.text(key, '');
    const text = expanded(written, env);
    if (text.startsWith('file://')) return 'file';
    return text === written ? 'literal' : 'variable';
  };
  return { id: sourceOf('token_id', 'WINGS_TOKEN_ID'), secret: sourceOf('token', 'WINGS_TOKEN') };
}

/** `$NAME` and `${NAME}`; a variable that is not set counts as empty. */
function expanded(text: string, env: Environment): string {
  return text.replace(
    /\$(?:\{([^}]*)\}|([A-Za-z_]\w*))/g,
    (_, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? '',
  );
}

async function contentOf(path: string, where: string, warn: (message: string) => void): Promise<string> {
  const content = await readConfigFile(path, { secret: true, warn });
  if (content === undefined)
    throw new ConfigError(`${where} names the file ${path}, which does not exist; create it or correct the path.`);
  const value = content.replace(/[\r\n]+$/, '');
  if (value === '') throw new ConfigError(`${where} names the file ${path}, which is empty; write the value into it.`);
  return value;
}
