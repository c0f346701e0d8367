// What an egg wants changed in one configuration file of a server before it starts, and what the daemon knows that the
// values may ask for. Plain data: it crosses to the thread that does the work.

/** `yml` is another name for `yaml`. */
export const parserNames = ['file', 'yaml', 'json', 'toml', 'ini', 'xml', 'properties'] as const;
export type ParserName = (typeof parserNames)[number];

export interface Replacement {
  /** What to replace: a path, a key or the start of a line, as the parser has it. */
  match: string;
  /** Only where this stands; `regex:` starts an RE2 expression. Empty: always. */
  ifValue?: string;
  /** Whatever JSON can be; what is no text, number or truth value is not written. */
  replaceWith: unknown;
}

export interface EggConfigFile {
  /** Below the server's root. May hold placeholders of the environment. */
  file: string;
  /** A name that is none of the parsers' leaves the file alone. */
  parser: string;
  /** In the order of application. */
  replace: readonly Replacement[];
  /** Default true: a missing file is made. */
  createFile?: boolean;
}

export interface EggContext {
  /** Whose Panel wrote the values: decides the type of a value that is new (docs/egg-configuration.md). */
  flavour: 'pterodactyl' | 'pelican';
  /** Address of the host as the containers see it. */
  dockerInterface: string;
  defaultAllocation?: { ip: string; port: number };
  /** MiB; 0 is none. */
  memoryLimit: number;
  /** The server's variables. */
  environment: Readonly<Record<string, unknown>>;
}

/** The file cannot be edited and stays as it is. The message names no value: it may be a password. */
export class EggFileError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EggFileError';
  }
}

export function parserOf(name: string): ParserName | undefined {
  return name === 'yml' ? 'yaml' : parserNames.find((known) => known === name);
}
