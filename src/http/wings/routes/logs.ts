// What a server printed lately, and what its installation printed.
import { open } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { DockerError } from '../../../docker/engine.ts';
import { withoutEnd } from '../../../text/without-end.ts';
import { installLogPath } from '../../../volumes/install-places.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { queryText } from '../query-text.ts';
import { forServer, type RouteDeps, type ServerParams } from '../route-deps.ts';

type LogDeps = Pick<RouteDeps, 'clock' | 'config' | 'docker' | 'history' | 'log' | 'servers'>;

const mostLines = 100;

/** What comes before it is about the installer, not from the script. */
const scriptOutput = '| Script Output\n| ------------------------------\n';

/** Bytes of an install log that are shown. */
const mostLogBytes = 4 * 1024 * 1024;

export function logRoutes(app: FastifyInstance, deps: LogDeps): void {
  const { config, history, log } = deps;

  app.get<ServerParams>(
    '/api/servers/:server/logs',
    forServer<ServerParams>(deps, async ({ spec: { uuid = '' } }, request) => {
      const lines = linesWanted(queryText(request, 'size'));
      const known = history.tail(uuid, lines);
      return { data: known.length > 0 ? known : await printedBefore(deps, uuid, lines) };
    }),
  );

  app.get<ServerParams>(
    '/api/servers/:server/install-logs',
    forServer<ServerParams>(deps, async ({ spec: { uuid = '' } }) => {
      try {
        const text = await beginningOf(installLogPath(config.system, uuid));
        const at = text.indexOf(scriptOutput);
        return { data: at < 0 ? text : text.slice(at + scriptOutput.length) };
      } catch (error) {
        log.debug({ err: error, server: uuid }, 'the log of an installation could not be read');
        throw new RequestRefused(refusals.noInstallLog, { cause: error });
      }
    }),
  );
}

function linesWanted(text = ''): number {
  const lines = /^\+?\d{1,15}$/.test(text) ? Number(text) : 0;
  return lines > 0 && lines <= mostLines ? lines : mostLines;
}

/** By a process that ended before this daemon came. */
async function printedBefore({ docker }: LogDeps, uuid: string, lines: number): Promise<string[]> {
  try {
    const output = (await docker.containerLogs(uuid, { tty: true, tail: lines })).toString('utf8');
    return printedLines(output, lines);
  } catch (error) {
    // There is no container, so nothing was printed.
    if (error instanceof DockerError && error.status === 404) return [];
    throw error;
  }
}

/** The last ones of a terminal's output. */
export function printedLines(output: string, most: number): string[] {
  const printed = output.split('\n').map((line) => withoutEnd(line, '\r'));
  if (printed.at(-1) === '') printed.pop();
  return printed.slice(-most);
}

async function beginningOf(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.min(size, mostLogBytes));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.toString('utf8', 0, filled);
}
