// The configuration as it is at this moment. What the Panel pushes is written to config.yml first and counts at once
// afterwards: one assignment changes the token that is asked of the Panel, the key of its signed tokens and what we show
// the Panel, so that no two of them ever differ. What only a restart brings is remembered and told.
import { realpath, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { Logger } from '../telemetry/log.ts';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { readConfigFile } from './config-file.ts';
import { type Environment, processEnvironment } from './environment.ts';
import { type PanelUpdate, PanelUpdateRefused, panelUpdate, valuesOf } from './panel-update.ts';
import { Section } from './section.ts';
import { tokenSources } from './token.ts';
import { type WriteOptions, writeConfig } from './write-config.ts';

export interface ConfigHolderOptions {
  config: Config;
  log: Logger;
  env?: Environment;
  /** Stands in for the file system in tests. */
  replace?: WriteOptions['replace'];
}

/** What is used once, when the daemon starts. */
export const onlyAtStart: readonly string[] = [
  'debug',
  'api.host',
  'api.port',
  'api.ssl.enabled',
  'api.ssl.cert',
  'api.ssl.key',
  'system.sftp.bind_port',
];

export class ConfigHolder {
  /** Answers with what counts now, each time it is asked: hand this on, and keep no part of it that can change. */
  readonly live: Config;
  readonly #options: ConfigHolderOptions;
  readonly #atStart: Config;
  readonly #listeners = new Set<(now: Config, before: Config) => void>();
  #current: Config;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigHolderOptions) {
    const { config } = options;
    this.#options = options;
    this.#atStart = config;
    this.#current = config;
    const members = Object.keys(config) as (keyof Config)[];
    this.live = Object.defineProperties(
      {},
      Object.fromEntries(members.map((key) => [key, { enumerable: true, get: () => this.#current[key] }])),
    ) as Config;
  }

  /** A whole that never changes. */
  get current(): Config {
    return this.#current;
  }

  /** Called after each change, in the same turn. */
  onChange(listener: (now: Config, before: Config) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Keys that a restart would change. */
  pendingRestart(): string[] {
    const [before, now] = [valuesOf(this.#atStart), valuesOf(this.#current)];
    return onlyAtStart.filter((key) => before.get(key) !== now.get(key));
  }

  /**
   * Takes what the Panel pushed, one push after the other. Everything counts when this resolves.
   * @throws PanelUpdateRefused for what cannot be taken, ConfigError when it cannot be written; nothing is changed then
   */
  applyPanelUpdate(body: unknown): Promise<{ applied: boolean }> {
    const result = this.#last.then(() => this.#apply(body));
    this.#last = result.catch(() => undefined); // told to whoever sent it
    return result;
  }

  async #apply(body: unknown): Promise<{ applied: boolean }> {
    const { log, env = processEnvironment, replace } = this.#options;
    const before = this.#current;
    if (before.ignorePanelConfigUpdates) {
      log.info({}, 'a configuration of the Panel was not taken: ignore_panel_config_updates is on');
      return { applied: false };
    }
    const warn = (message: string) => log.warn({ reason: message }, 'the configuration file needs attention');
    const text = await readConfigFile(before.path, { secret: true, warn });
    if (text === undefined) throw new ConfigError(`The configuration file ${before.path} is not there any more.`);
    const update = panelUpdate(before, body, tokenSources(Section.parse(before.path, text), env));
    for (const file of update.files) await refuseUnfitFile(file, before.system.data);
    const written = await writeConfig(before.path, update.changes, { warn, ...(replace ? { replace } : {}) });
    this.#current = update.config;
    for (const listener of this.#listeners) listener(this.#current, before);
    this.#tell(update, before, written === 'read-only');
    return { applied: true };
  }

  #tell({ changes, ignored, kept, stale, config }: PanelUpdate, before: Config, readOnly: boolean): void {
    const { log } = this.#options;
    const { path } = before;
    const changed = changes.map((change) => change.path.join('.'));
    const restart = this.pendingRestart();
    log.info({ changed, restart }, 'a configuration of the Panel was taken');
    if (restart.length > 0) log.warn({ keys: restart }, 'settings of the Panel wait for a restart of the daemon');
    if (ignored.length > 0) log.warn({ keys: ignored }, 'settings that a Panel may not change were left out');
    if (kept.length > 0) log.warn({ keys: kept }, 'credentials of the Panel were left out: the environment has others');
    if (stale.length > 0)
      log.warn(
        { keys: stale, path },
        'credentials of the Panel count now, but the file that config.yml names has the old ones: write them there',
      );
    if (readOnly && changed.length > 0)
      log.warn(
        { path, changed },
        'settings of the Panel count until the next start: the configuration file is read-only',
      );
    const { ssl } = config.api;
    if (ssl.enabled && !before.api.ssl.enabled && (ssl.cert === '' || ssl.key === ''))
      log.warn({ path }, 'the Panel turned https on, but api.ssl names no certificate: the next start will ask for it');
  }
}

/** Nobody who owns a server may choose the certificate of the node. */
async function refuseUnfitFile(file: string, data: string): Promise<void> {
  let real: string;
  try {
    real = await realpath(file);
    if (!(await stat(real)).isFile()) throw new PanelUpdateRefused(`${file} of api.ssl is not a regular file`);
  } catch (error) {
    if (error instanceof PanelUpdateRefused) throw error;
    throw new PanelUpdateRefused(`${file} of api.ssl cannot be read`, { cause: error });
  }
  const fromData = relative(await realpath(data).catch(() => data), real);
  if (fromData !== '..' && !fromData.startsWith(`..${sep}`))
    throw new PanelUpdateRefused(`${file} of api.ssl is among the files of servers`);
}
