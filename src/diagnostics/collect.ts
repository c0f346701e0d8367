// Gathers what a report on this node tells. Asks Docker and reads the end of the log; changes nothing, and takes what does
// not answer for an answer too.
import { open } from 'node:fs/promises';
import { hostname, release } from 'node:os';
import { join } from 'node:path';
import { type Clock, timestamp } from '../clock/clock.ts';
import type { Config } from '../config/config.ts';
import { secretsOf } from '../config/secrets.ts';
import type { DockerEngine } from '../docker/engine.ts';
import { Redactor } from '../telemetry/redact.ts';
import { textLine } from '../telemetry/text-line.ts';
import { aileronVersion } from '../telemetry/version.ts';
import { type DiagnosticsFacts, type DiagnosticsOptions, diagnosticsReport } from './report.ts';

export interface DiagnosticsDeps {
  /** Read with each report: it may have changed. */
  config: Config;
  docker: Pick<DockerEngine, 'info' | 'listContainers'>;
  clock: Clock;
  /** Of this machine; those of the system when absent. */
  facts?: Pick<DiagnosticsFacts, 'machine' | 'versions'>;
}

/** Docker may take this long, ms; the Panel waits 5 s. */
const patienceMs = 3_000;

/** Of the log, from its end: more than 500 lines of it. */
const logBytes = 512 * 1024;

/** The report as text. Never rejects for what is wrong with the node: it is in the report. */
export async function collectDiagnostics(deps: DiagnosticsDeps, options: DiagnosticsOptions): Promise<string> {
  const { config, clock, facts = factsOfMachine() } = deps;
  const [docker, logs] = await Promise.all([
    askDocker(deps),
    options.logs ? lastLines(config, options.logLines) : undefined,
  ]);
  return diagnosticsReport({ config, ...facts, now: timestamp(clock), docker, logs }, options);
}

function factsOfMachine(): Pick<DiagnosticsFacts, 'machine' | 'versions'> {
  const versions = { daemon: aileronVersion, node: process.version, kernel: release() };
  return { machine: hostname(), versions };
}

async function askDocker({ docker, clock }: DiagnosticsDeps): Promise<DiagnosticsFacts['docker']> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(patienceMs, () => late.reject(new Error(`no answer within ${patienceMs / 1000} s`)));
  try {
    const answers = Promise.all([docker.info(), docker.listContainers({})]);
    const [info, containers] = await Promise.race([answers, late.promise]);
    return { info, containers };
  } catch (error) {
    return { failure: (error as Error).message };
  } finally {
    cancel();
  }
}

/** As text for people; a reason when the log cannot be read. */
async function lastLines(config: Config, most: number): Promise<string[] | string> {
  const path = join(config.system.logDirectory, 'wings.log');
  const redactor = new Redactor();
  redactor.addAll(secretsOf(config));
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const start = Math.max(0, size - logBytes);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(logBytes), 0, logBytes, start);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    // The first one may be the end of one.
    if (start > 0) lines.shift();
    return lines
      .filter((line) => line !== '')
      .slice(-most)
      .map((line) => redactor.text(textLine(redactor.text(line))).trimEnd());
  } catch (error) {
    return `The log ${path} cannot be read: ${(error as Error).message}`;
  }
}
