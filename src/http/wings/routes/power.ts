// POST …/power and …/commands. A power action is a wish that is recorded before the answer; one that cannot be fulfilled
// now is dropped, as Panels expect, or waited with for as long as they say.
import type { FastifyInstance } from 'fastify';
import { sleep } from '../../../clock/clock.ts';
import { PowerConflictError } from '../../../resources/errors.ts';
import type { Installation } from '../../../resources/installation.ts';
import { installingText, powerBusyText, restoringText, suspendedText } from '../../../resources/power.ts';
import type { Restore } from '../../../resources/restore.ts';
import type { PowerAction, Server } from '../../../resources/server.ts';
import { powerActions } from '../../../resources/server-spec.ts';
import { NotFoundError } from '../../../store/errors.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { readFields } from '../json-body.ts';
import { forServer, type RouteDeps, type ServerParams } from '../route-deps.ts';

type PowerDeps = Pick<RouteDeps, 'admission' | 'clock' | 'closing' | 'input' | 'log' | 'servers' | 'state' | 'store'>;

/** Seconds that a wish may wait for another one to end, and what counts in place of senseless figures. */
const longestWait = 300;
const defaultWait = 30;

/** Wishes that wait on the whole node; more are dropped. */
const mostWaiting = 1_000;

export function powerRoutes(app: FastifyInstance, deps: PowerDeps): void {
  const { clock, input, log, state } = deps;
  let waiting = 0;

  app.post<ServerParams>(
    '/api/servers/:server/power',
    forServer<ServerParams>(deps, async (server, request, reply) => {
      const fields = await readFields(request.raw, clock);
      const [action, seconds] = [fields.text('action'), fields.integer('wait_seconds')];
      if (!isPowerAction(action)) throw new RequestRefused(refusals.badPowerAction);
      const answer = await ask(deps, server, action);
      const waits = answer === 'ending' || (answer === 'busy' && seconds !== 0);
      if (waits && waiting < mostWaiting) {
        waiting += 1;
        const waitMs = (seconds <= 0 || seconds > longestWait ? defaultWait : seconds) * 1_000;
        void askAgain(deps, server, action, waitMs).finally(() => {
          waiting -= 1;
        });
      } else if (answer === 'busy' || answer === 'ending') {
        log.debug({ server: server.metadata.name, action }, 'a power action was dropped: another one is under way');
      }
      return reply.code(202).send();
    }),
  );

  app.post<ServerParams>(
    '/api/servers/:server/commands',
    forServer<ServerParams>(deps, async ({ spec: { uuid = '' } }, request, reply) => {
      if (state(uuid) === 'offline' || !input.has(uuid)) throw new RequestRefused(refusals.stoppedServer);
      for (const line of (await readFields(request.raw, clock)).texts('commands')) {
        await input.send(uuid, line).catch((error: unknown) => {
          log.warn({ err: error, server: uuid }, 'a command of the Panel was not typed');
        });
      }
      return reply.code(204).send();
    }),
  );
}

function isPowerAction(action: string): action is PowerAction {
  return (powerActions as readonly string[]).includes(action);
}

/**
 * `ending`: what has the server has done its work, and the Panel may have heard so already: it asks for a start in that
 * very moment. `dropped`: no waiting helps. @throws RequestRefused, what the store throws
 */
async function ask(
  deps: PowerDeps,
  { metadata: { name } }: Server,
  action: PowerAction,
): Promise<'taken' | 'busy' | 'ending' | 'dropped'> {
  const { admission, log } = deps;
  const patch = { spec: { power: { request: { action } } } };
  const owner = { kind: 'User', ref: 'panel' } as const;
  try {
    // Power is open to all: whose the server is stays as it is.
    const context = { by: 'panel', owner, dryRun: false, fieldValidation: 'Strict', warn: () => {} } as const;
    await admission.patch('Server', name, patch, context);
    return 'taken';
  } catch (error) {
    if (!(error instanceof PowerConflictError)) throw error;
    if (error.message === powerBusyText) return 'busy';
    if ([restoringText, installingText].includes(error.message) && (await isEnding(deps, name))) return 'ending';
    if (error.message === suspendedText) throw new RequestRefused(refusals.suspendedPower, { cause: error });
    if (error.message === restoringText) throw new RequestRefused(refusals.restoringPower, { cause: error });
    log.debug({ server: name, action, reason: error.message }, 'a power action was dropped');
    return 'dropped';
  }
}

async function isEnding({ store }: PowerDeps, name: string): Promise<boolean> {
  const { claim } = (await store.get<Server>('Server', name))?.status ?? {};
  // Free by now.
  if (!claim) return true;
  const holder = await store.get<Restore | Installation>(claim.kind, claim.name);
  return holder?.metadata.uid === claim.uid && holder.status?.outcome !== undefined;
}

/** Asks after every change of the server until the wish is taken, cannot be, or the time is over. */
async function askAgain(deps: PowerDeps, server: Server, action: PowerAction, waitMs: number): Promise<void> {
  const { clock, closing, servers, log } = deps;
  const { name } = server.metadata;
  const over = new AbortController();
  const cancel = clock.after(waitMs, () => over.abort());
  const ended = AbortSignal.any([over.signal, closing]);
  let changed = new AbortController();
  const unsubscribe = servers.onChange(({ object }) => {
    if (object.metadata.name === name) changed.abort();
  });
  try {
    while (!ended.aborted) {
      changed = new AbortController();
      const answer = await ask(deps, server, action);
      if (answer === 'taken' || answer === 'dropped') return;
      await sleep(clock, waitMs, AbortSignal.any([changed.signal, ended])).catch(() => {});
    }
    log.debug({ server: name, action }, 'a power action was dropped: another one took too long');
  } catch (error) {
    const isExpected = error instanceof RequestRefused || error instanceof NotFoundError;
    log[isExpected ? 'debug' : 'error']({ err: error, server: name, action }, 'a power action that waited was dropped');
  } finally {
    cancel();
    unsubscribe();
  }
}
