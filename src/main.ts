// The composition root: builds the daemon from its parts, top to bottom, and ties it to the process. Nothing else
// constructs across the layers, looks at signals or decides about the exit code.
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { prepareHost } from './config/prepare-host.ts';
import { secretsOf } from './config/secrets.ts';
import { writeBack } from './config/write-back.ts';
import { createCaches } from './daemon/caches.ts';
import { openDoors } from './daemon/doors.ts';
import { type Overrides, openFoundation } from './daemon/foundation.ts';
import { openManifests } from './daemon/manifests.ts';
import { openPanelSide } from './daemon/panel.ts';
import { readinessChecks } from './daemon/readiness.ts';
import { createWorkers } from './daemon/workers.ts';
import { ensureNamespace } from './resources/namespace.ts';
import { startupSentence } from './startup-errors.ts';
import { warnOfFewDescriptors } from './telemetry/descriptor-limit.ts';
import type { Logger } from './telemetry/log.ts';
import { LogFile } from './telemetry/log-file.ts';
import { createLogger } from './telemetry/pino-log.ts';
import { Redactor } from './telemetry/redact.ts';

export interface Daemon {
  api: { port: number };
  kube: { port: number };
  ops: { port: number };
  /** Resolves when the daemon cannot go on. */
  failed: Promise<Error>;
  /** Doors first, then workers, the store last. Games run on. */
  stop(): Promise<void>;
}

/** Builds in this order and, on the way out, takes down in the other: doors first, then workers, the store last. */
export async function startDaemon(settings: Config, log: Logger, overrides: Overrides = {}): Promise<Daemon> {
  await using parts = new AsyncDisposableStack();
  const foundation = await openFoundation(parts, settings, log, overrides);
  const { store, feed } = foundation;
  const caches = createCaches(foundation);
  const panelSide = openPanelSide(parts, foundation, caches, () => installation.leftoversPending);
  const { manager, installation } = createWorkers(parts, foundation, caches, panelSide);
  await ensureNamespace(store);
  const manifests = openManifests(parts, foundation, caches);
  const checks = readinessChecks(foundation, { manager, manifests, panel: panelSide.panel });
  const doors = await openDoors(parts, foundation, caches, panelSide, checks);

  feed.start();
  await manager.start();
  await manifests?.start();
  panelSide.activity.start();
  const ports = { api: doors.api.port, kube: doors.kube.port, ops: doors.ops.port };
  log.info({ node: settings.aileron.nodeName, ...ports }, 'the node is up');

  const running = parts.move();
  return { ...doors, failed: store.failed, stop: () => running.disposeAsync() };
}

export interface RunOptions {
  configPath?: string | undefined;
  /** As if `debug` stood in the configuration. */
  debug?: boolean | undefined;
  ignoreCertificateErrors?: boolean | undefined;
}

/** Runs the node until a signal or a failure ends it. Resolves with the exit code of the process. */
export async function run({ configPath, ...flags }: RunOptions): Promise<number> {
  return explained(async () => {
    const say = (message: string) => void process.stderr.write(`${message}\n`);
    const loaded = await loadConfig({ path: configPath, warn: say, remark: say, ...flags });
    const config = await prepareHost(loaded, { warn: say });
    await writeBack(config, { warn: say });
    const redactor = new Redactor();
    redactor.addAll(secretsOf(config));
    const logPath = join(config.system.logDirectory, 'wings.log');
    const onFailure = ({ message }: Error) => say(`The log ${logPath} is not complete (${message}).`);
    await using logFile = new LogFile({ path: logPath, onFailure });
    process.on('SIGHUP', () => logFile.reopen());
    const log = createLogger({
      level: config.aileron.log.level,
      redactor,
      terminal: process.stderr.isTTY,
      write: (line) => process.stderr.write(line),
      alsoWrite: (line) => logFile.write(line),
    });
    if (config.ignoreCertificateErrors)
      log.warn({ remote: config.remote }, 'certificates of the Panel are not checked, as the command line says');
    warnOfFewDescriptors(log);
    const daemon = await startDaemon(config, log, { redactor });
    // Written at the end of the process otherwise, which a power cut takes away.
    flushCompileCache();
    const end = await endOf(daemon);
    if (end.code === 0) log.info({ signal: end.reason }, 'stopping; games run on');
    else log.error({ err: end.reason }, 'the daemon cannot go on; games run on');
    setTimeout(() => process.exit(1), shutdownLimitMs + config.system.shutdownGrace * 1000).unref();
    await daemon.stop();
    return end.code;
  });
}

/**
 * A shutdown that hangs is ended: by then everything that matters is in the store. Beyond the grace that restores have to
 * finish moving files.
 */
const shutdownLimitMs = 30_000;

/** The first of: a signal, a part that cannot go on, an error that nobody caught. A second signal ends the process. */
function endOf(daemon: Daemon): Promise<{ code: number; reason: unknown }> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.on(signal, () => process.exit(1));
        resolve({ code: 0, reason: signal });
      });
    }
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (reason: unknown) => resolve({ code: 1, reason }));
    }
    void daemon.failed.then((reason) => resolve({ code: 1, reason }));
  });
}

/** One sentence for what a person can mend; the stack for everything else. */
async function explained(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const sentence = startupSentence(error) ?? (error instanceof Error ? error.stack : String(error));
    process.stderr.write(`aileron: ${sentence}\n`);
    return 1;
  }
}
