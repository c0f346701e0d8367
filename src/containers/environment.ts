// The environment of a game process: five names the node sets, then the variables of the spec in their order. Values are
// data: nothing is expanded by a shell on the host, and a value that was put in is never searched for placeholders again.
import type { Config } from '../config/config.ts';
import type { Server } from '../resources/server.ts';
import { UnbuildableError } from './unbuildable.ts';

type Value = string | number | boolean | null;

export interface EnvironmentInput {
  server: Server;
  config: Config;
  isTimezone(name: string): boolean;
  /** The address as it is allocated, loopback too: an installer reaches no other container by it. */
  rawIp?: boolean;
}

/** What a server without a default allocation is told, as Pelican's Panel does. */
const noAllocation = { ip: '127.0.0.1', port: 0 };

/** Entries `NAME=value` in the order Docker gets them. @throws UnbuildableError for what no environment can hold */
export function environmentOf(input: EnvironmentInput): { env: string[]; warnings: string[] } {
  const { server, config } = input;
  const { environment, limits, allocations } = server.spec;
  const warnings: string[] = [];
  const allocation = allocations.default ?? noAllocation;
  const entries = new Map<string, string>([
    ['TZ', timezoneOf(input)],
    ['STARTUP', startCommandOf(server, config)],
    ['SERVER_MEMORY', String(limits.memory)],
    ['SERVER_IP', input.rawIp ? allocation.ip : reachableIp(allocation, config)],
    ['SERVER_PORT', String(allocation.port)],
  ]);
  const fixed = new Set(entries.keys());
  for (const [key, value] of Object.entries(environment)) {
    const name = key.toUpperCase();
    if (name === '' || name.includes('=')) {
      warnings.push(`The variable ${JSON.stringify(key)} was left out: a name cannot be empty or contain "=".`);
      continue;
    }
    // Of `foo` and `FOO` the exact name wins, wherever it stands.
    if (fixed.has(name) || (entries.has(name) && key !== name)) continue;
    if (value === null) warnings.push(`The variable ${name} has no value and is passed empty.`);
    entries.set(name, textOf(value));
  }
  return { env: Array.from(entries, ([name, value]) => entry(name, value)), warnings };
}

/**
 * The text of a value: numbers in plain decimal without an exponent (`5`, `1.5`, `1000000`), null as nothing.
 */
export function textOf(value: Value): string {
  if (value === null) return '';
  return typeof value === 'number' ? plainDecimal(value) : String(value);
}

/**
 * Pelican's form of a start command: `{{NAME}}` and `${NAME}` become values in one pass. What stands in `[[…]]` and names
 * nobody knows stay, as `${NAME}`, for the shell in the image. The three names the node sets win over variables.
 */
export function fillPlaceholders(invocation: string, values: ReadonlyMap<string, string>): string {
  const text = invocation.replaceAll('{{', '${').replaceAll('}}', '}');
  const fill = (part: string) => part.replace(/\$\{([^{}]*)\}/g, (whole, name: string) => values.get(name) ?? whole);
  let filled = '';
  for (let at = 0; ; ) {
    const open = text.indexOf('[[', at);
    const close = open < 0 ? -1 : text.indexOf(']]', open + 2);
    if (close < 0) return filled + fill(text.slice(at));
    filled += fill(text.slice(at, open)) + text.slice(open, close + 2);
    at = close + 2;
  }
}

/** Pterodactyl's images replace the placeholders themselves, so there the command passes untouched. */
function startCommandOf({ spec }: Server, config: Config): string {
  if (config.flavour === 'pterodactyl') return spec.invocation;
  const values = new Map(Object.entries(spec.environment).map(([name, value]) => [name, textOf(value)]));
  const allocation = spec.allocations.default ?? noAllocation;
  values.set('SERVER_PORT', String(allocation.port));
  values.set('SERVER_MEMORY', String(spec.limits.memory));
  values.set('SERVER_IP', allocation.ip);
  return fillPlaceholders(spec.invocation, values);
}

function timezoneOf({ server, config, isTimezone }: EnvironmentInput): string {
  const own = Object.entries(server.spec.environment).find(([name]) => name === 'SERVER_TIMEZONE')?.[1];
  const known = config.flavour === 'pelican' && typeof own === 'string' && own !== '' && isTimezone(own);
  return known ? own : config.system.timezone;
}

/** Loopback of the node means the bridge gateway to a container. */
function reachableIp({ ip, port }: { ip: string; port: number }, config: Config): string {
  if (ip !== '127.0.0.1' || (config.flavour === 'pelican' && port === 0)) return ip;
  return config.docker.network.interface;
}

function entry(name: string, value: string): string {
  const text = `${name}=${value}`;
  if (text.includes('\0')) {
    throw new UnbuildableError(
      `the variable ${name.replaceAll('\0', '\\0')} contains a NUL byte, which no environment can hold`,
    );
  }
  return text;
}

function plainDecimal(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = '', first = '', rest = '', exponent = ''] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, '0');
}
