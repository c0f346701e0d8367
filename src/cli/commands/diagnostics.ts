// `aileron diagnostics`: the report for whoever helps, printed, and sent to a place for pasted text when that is wished.
// Without a terminal nothing is asked and nothing is sent unless an option says so.
import { systemClock } from '../../clock/clock.ts';
import type { Config, Flavour } from '../../config/config.ts';
import { collectDiagnostics } from '../../diagnostics/collect.ts';
import { createDockerEngine } from '../../docker/dockerode-engine.ts';
import { canAsk, confirm } from '../ask.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { type Io, print } from '../io.ts';
import { localConfig } from '../node-access.ts';
import { safeText } from '../safe-text.ts';
import { type WebAnswer, webRequest } from '../web-request.ts';

export interface DiagnosticsCommandOptions {
  config?: string;
  endpoints?: boolean;
  logs?: boolean;
  logLines: string;
  upload?: boolean;
  hastebinUrl?: string;
}

const pasteSites: Record<Flavour, string> = { pterodactyl: 'https://ptero.co', pelican: 'https://logs.pelican.dev' };
const mostLines = 10_000;

export async function diagnostics(io: Io, options: DiagnosticsCommandOptions): Promise<ExitCode> {
  const logLines = lineCount(options.logLines);
  const config = await localConfig(io, options);
  siteOf(options, config);
  const asks = canAsk(io);
  const endpoints =
    options.endpoints ?? (asks && (await confirm(io, 'Include where the Panel and the node are?', false)));
  const logs = options.logs ?? (asks ? await confirm(io, 'Include the last lines of the log?', true) : true);
  const docker = createDockerEngine(io.env);
  const report = safeText(
    await collectDiagnostics({ config, docker, clock: systemClock }, { endpoints, logs, logLines }),
  );
  print(io, '---------------  generated report  ---------------');
  print(io, report.trimEnd());
  print(io, '---------------   end of report    ---------------');
  // Whoever is asked has seen what goes out.
  const send = options.upload ?? (asks && (await confirm(io, `Send it to ${siteOf(options, config)}?`, false)));
  if (!send) return exitCodes.ok;
  print(io, await paste(siteOf(options, config), report));
  return exitCodes.ok;
}

function lineCount(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= mostLines) return count;
  throw usageError(`--log-lines is from 1 to ${mostLines}.`);
}

function siteOf({ hastebinUrl }: DiagnosticsCommandOptions, { flavour }: Config): string {
  const site = hastebinUrl ?? pasteSites[flavour];
  if (!URL.canParse(site) || !/^https?:/.test(site)) throw usageError('--hastebin-url is an http or https URL.');
  return site.replace(/\/+$/, '');
}

/** The link to it. */
async function paste(site: string, report: string): Promise<string> {
  let answer: WebAnswer;
  try {
    answer = await webRequest(`${site}/documents`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: report,
    });
  } catch (error) {
    throw new CliError(`${site} does not answer: ${(error as Error).message}.`, {
      exitCode: exitCodes.unreachable,
      cause: error,
    });
  }
  const key = answer.status === 200 || answer.status === 201 ? keyOf(answer.text) : undefined;
  if (key === undefined) throw new CliError(`${site} did not take the report (${answer.status}).`);
  return `${site}/${key}`;
}

function keyOf(text: string): string | undefined {
  try {
    const { key } = JSON.parse(text) as { key?: unknown };
    return typeof key === 'string' && /^[\w.-]{1,128}$/.test(key) ? key : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
