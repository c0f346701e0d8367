// What the daemon puts in place of `{{…}}`: two names of its own and the three of the server that a Panel leaves behind.
// One pass: what was put in is not looked at again, and whatever else stands in braces stays as it is, so no variable of a
// server can ask for a secret of the daemon.
import type { EggContext, ParserName } from './config-file.ts';

const inValue = /\{\{\s?([a-z]+\.[A-Za-z0-9_.-]+)\s?\}\}/g;
const inFileName = /\{\{([A-Za-z0-9_]+)\}\}|\$\{([A-Za-z0-9_]+)\}/g;

export function resolvePlaceholders(text: string, parser: ParserName, context: EggContext): string {
  return text.replace(inValue, (whole, key: string) => {
    const known = key.startsWith('config.') ? parser !== 'file' && ofDaemon(key, context) : ofServer(key, context);
    return typeof known === 'string' ? known : whole;
  });
}

/** `{{NAME}}` and `${NAME}` are variables of the server; one that it does not have stays as `${NAME}`. */
export function resolveFileName(name: string, environment: EggContext['environment']): string {
  return name.replace(inFileName, (_, braces: string | undefined, dollar: string | undefined) => {
    const variable = braces ?? dollar ?? '';
    const value = Object.hasOwn(environment, variable) ? textOf(environment[variable]) : undefined;
    return value ?? `\${${variable}}`;
  });
}

function ofDaemon(key: string, { dockerInterface }: EggContext): string | undefined {
  const name = key.slice('config.'.length).split('.').map(snakeCase).join('.');
  return name === 'docker.interface' || name === 'docker.network.interface' ? dockerInterface : undefined;
}

function ofServer(key: string, { defaultAllocation, memoryLimit }: EggContext): string | undefined {
  switch (key) {
    case 'server.build.default.port':
      return defaultAllocation && String(defaultAllocation.port);
    case 'server.build.default.ip':
      return defaultAllocation?.ip;
    case 'server.build.memory':
      return String(memoryLimit);
    default:
      return undefined;
  }
}

function snakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
