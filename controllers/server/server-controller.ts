// Brings each Server to what its spec asks: observes the container, decides one step, does it, looks again.
// Long work (a start, a stop, a removal) runs as a job; what it is doing stands in status.operation before it begins,
// so after a crash of the daemon:
//   operation set          → the job is started again from the top; a process that runs already is taken over
//   running, no operation  → the container is taken over without a restart; one that ended meanwhile is started again
//   deletionTimestamp      → the removal goes on
//   claim by a restore or an installation → no process is started; with stopServer it is ended, and the claim says when it is
// The key is the server's name. It is enqueued by a change of the object or of its claim, a Docker event of its container, a fact of
// its session (done line, exit), the end of its job, a new disk count, Docker coming back, and a slow resync.
import { timestamp } from '../../src/clock/clock.ts';
import { DockerUnreachableError } from '../../src/docker/engine.ts';
import { isOfNode } from '../../src/resources/identity.ts';
import type { ProcessState, Server, ServerOperation } from '../../src/resources/server.ts';
import { type BackoffLimits, backoffMs } from '../../src/runtime/backoff.ts';
import { isHeld, releaseClaim } from '../../src/runtime/claims.ts';
import type { Jobs } from '../../src/runtime/jobs.ts';
import { after, type Outcome, type Reconcile, type ReconcileContext } from '../../src/runtime/reconciler.ts';
import { decide, openRequest, type Step, startsProcess, type View } from './decision.ts';
import { type ServerDeps, say, tell, uuidOf } from './deps.ts';
import { handleExit } from './exit.ts';
import { inheritedState } from './inherited.ts';
import { settle } from './live-state.ts';
import { type Observation, observe } from './observe.ts';
import { endOperation, runOperation } from './operation.ts';
import { removeServer } from './removal.ts';
import type { StartPlaces } from './start-places.ts';
import { goOffline } from './stop.ts';
import { takeOver } from './take-over.ts';

/** What a job is doing, as the decision needs to know it. */
export interface ServerJob {
  /** Of the object it works for: another one may bear the name meanwhile. */
  uid: string;
  action: ServerOperation['action'] | 'delete';
  request?: string | undefined;
}

export interface ServerControllerDeps extends ServerDeps {
  jobs: Jobs<void>;
  /** What each running job was started for, by server name. */
  working: Map<string, ServerJob>;
  /** For starts after an outage. */
  places: StartPlaces;
  /** Of servers whose last jobs failed, by name: how often in a row, and when the next may start (monotonic, ms). */
  failures: Map<string, { count: number; retryAt: number }>;
  /** Servers that this daemon has looked at, by uuid. */
  met: Set<string>;
}

/** Docker is asked again this often while it does not answer; its return enqueues every key at once. */
const dockerRetryMs = 5_000;

/** Between two tries of a job that failed. */
const jobRetry: BackoffLimits = { baseMs: 50, maxMs: 30_000 };

/** Starts after an outage look for a free place this often; the end of a job makes one look at once. */
const placeRetryMs = 5_000;

/** More steps than any path through the decision needs: beyond, two steps undo each other. */
const maxSteps = 12;

export function serverReconciler(deps: ServerControllerDeps): Reconcile {
  const { nodeName } = deps.config.aileron;
  return async (name, context) => {
    try {
      for (let steps = 0; steps < maxSteps; steps++) {
        const server = await deps.store.get<Server>('Server', name);
        if (worksForAnother(deps, name, server?.metadata.uid)) await abandon(deps, name);
        if (!server) {
          deps.places.leave(name);
          deps.failures.delete(name);
          return undefined;
        }
        // Another machine's, where a store is shared.
        if (!isOfNode(server, nodeName)) return undefined;
        const outcome = await step(deps, server, context);
        if (outcome !== 'again') return outcome;
      }
    } catch (error) {
      if (error instanceof DockerUnreachableError) return after(dockerRetryMs);
      throw error;
    }
    throw new Error(`no end was reached in ${maxSteps} steps`);
  };
}

/** A job of an object that is gone: nothing it does can be wanted. */
function worksForAnother({ working }: ServerControllerDeps, name: string, uid: string | undefined): boolean {
  const job = working.get(name);
  return job !== undefined && job.uid !== uid;
}

async function abandon(deps: ServerControllerDeps, name: string): Promise<void> {
  await deps.jobs.cancel(name, new Overtaken('the object is gone'));
  deps.jobs.takeOutcome(name);
  deps.working.delete(name);
}

type Progress = Outcome | 'again';

async function step(deps: ServerControllerDeps, server: Server, context: ReconcileContext): Promise<Progress> {
  const { name } = server.metadata;
  rethrowJobFailure(deps, name);
  // What somebody asked for meanwhile does not wait behind the others.
  if (openRequest(server)) deps.places.hurry(name);
  const { claim } = server.status ?? {};
  if (claim && !(await isHeld(deps.store, claim))) {
    await releaseClaim(deps.store, name, claim.uid);
    return 'again';
  }
  // Facts first, then the world: a fact that arrives while Docker is asked belongs to the next look.
  const session = deps.sessions.get(uuidOf(server));
  const facts = { exited: session?.exit !== undefined, interrupted: session?.interrupted ?? false };
  const observation = await observe(deps, server, context.signal);
  if (session && facts.interrupted && observation.state === 'running') session.interrupted = false;
  const isNew = !deps.met.has(uuidOf(server));
  const inherited = isNew ? await inheritedState(deps, server, observation.state, context.signal) : undefined;
  const next = decide(viewOf(deps, server, observation, { exited: facts.exited, inherited }));
  context.log.debug(
    { step: next.do, container: observation.state, state: server.status?.state },
    'decided the next step',
  );
  const progress = await perform(deps, server, observation, next, context);
  deps.met.add(uuidOf(server));
  return progress;
}

/** What a job threw is the reconcile's failure: counted, logged and backed off like any other. */
function rethrowJobFailure({ jobs, working, failures, clock }: ServerControllerDeps, name: string): void {
  const outcome = jobs.takeOutcome(name);
  if (!jobs.current(name)) working.delete(name);
  if (!outcome) return;
  if (outcome.error === undefined || isCancellation(outcome.error)) {
    failures.delete(name);
    return;
  }
  // The queue sees the start of a job as a success: its back-off would begin anew with each one.
  const count = (failures.get(name)?.count ?? 0) + 1;
  failures.set(name, { count, retryAt: clock.monotonic() + backoffMs(count, jobRetry, Math.random) });
  throw outcome.error;
}

/** A job that was cancelled for a newer wish ended as it should. */
export class Overtaken extends Error {}

function isCancellation(error: unknown): boolean {
  return error instanceof Overtaken;
}

function viewOf(
  deps: ServerControllerDeps,
  server: Server,
  { state, container }: Observation,
  { exited, inherited }: { exited: boolean; inherited: ProcessState | undefined },
): View {
  const uuid = uuidOf(server);
  const session = deps.sessions.get(uuid);
  const watched = session !== undefined && session.target.containerId === (container?.id ?? session.target.containerId);
  const limit = server.spec.limits.disk * 1_048_576;
  return {
    server,
    container: state,
    // A container that was restarted by hand has an exit behind it: its session is spent.
    attached: state === 'running' && watched && !exited,
    witnessedExit: watched && !session.interrupted,
    doneSeen: watched && session.doneSeen,
    inherited,
    overDiskLimit: limit > 0 && (deps.disk.last(uuid) ?? 0) > limit,
    job: deps.working.get(server.metadata.name),
    now: deps.clock.now(),
  };
}

async function perform(
  deps: ServerControllerDeps,
  server: Server,
  observation: Observation,
  next: Step,
  { signal }: ReconcileContext,
): Promise<Progress> {
  const { name } = server.metadata;
  switch (next.do) {
    case 'wait':
      return undefined;
    case 'cancel':
      await deps.jobs.cancel(name, new Overtaken(next.reason));
      return 'again';
    case 'remove':
      return startJob(deps, server, { action: 'delete' }, (job) => removeServer(deps, server, job));
    case 'inherit':
      await deps.states.record(name, (status) => {
        status.state = next.state;
        delete status.operation;
        delete status.restartAt;
      });
      deps.log.info({ server: uuidOf(server), state: next.state }, 'another daemon left this server in that state');
      return 'again';
    case 'begin':
      return begin(deps, server, next);
    case 'resume':
      return resume(deps, server, next.operation);
    case 'finish':
      await deps.states.record(name, (status, present) => {
        endOperation(status, { request: next.request }, next.outcome, next.message);
        keepOffline(status, present, next.request);
      });
      return 'again';
    case 'attach':
      if (observation.container) await takeOver(deps, server, observation.container, observation.remark);
      return 'again';
    case 'mark-running':
      if (await deps.states.move(name, 'running', 'DoneLine', { from: ['starting'] })) {
        tell(deps, server, 'Normal', 'Running', 'The server said that it is up.');
      }
      return 'again';
    case 'mark-offline':
      await goOffline(deps, server, { cause: 'Request', reason: 'Stopped', signal });
      return 'again';
    case 'abandon':
      await deps.states.record(name, (status) => {
        delete status.operation;
      });
      return 'again';
    case 'yield':
      await deps.states.record(name, (status) => {
        if (!status.claim?.stopServer) return;
        delete status.operation;
        delete status.restartAt;
        status.claim.wasOnline = true;
      });
      return 'again';
    case 'confirm-stopped':
      await deps.states.record(name, (status) => {
        // Whatever came in between decides anew.
        if (status.claim?.stopServer && status.state === 'offline' && !status.operation) status.claim.stopped = true;
      });
      return 'again';
    case 'handle-exit':
      await handleExit(deps, server, observation);
      return 'again';
    case 'restart-later':
      await settle(deps, server, observation);
      return after(next.at - deps.clock.now());
    case 'settle':
      return settle(deps, server, observation);
  }
}

async function begin(deps: ServerControllerDeps, server: Server, next: Step & { do: 'begin' }): Promise<Progress> {
  const operation: ServerOperation = { action: next.action, cause: next.cause, startedAt: timestamp(deps.clock) };
  if (next.request) operation.request = next.request;
  if (next.cause === 'DiskLimit')
    say(deps, server, 'Server is exceeding the assigned disk space limit, stopping process now.');
  await deps.states.record(server.metadata.name, (status, present) => {
    const { claim, operation: before } = status;
    // A claim may have begun, or ended, since the decision.
    const forClaim = next.cause === 'Restore' || next.cause === 'Installation';
    if (forClaim && next.cause !== claim?.kind) return;
    if ((claim?.kind === 'Restore' || claim?.kind === 'Installation') && startsProcess(next.action)) return;
    if (forClaim && claim) {
      if (before?.signalled && !before.stopped) operation.signalled = true;
      if (status.state === 'starting' || status.state === 'running') claim.wasOnline = true;
    }
    status.operation = operation;
    // What failed before was something else.
    deps.failures.delete(present.metadata.name);
    if (next.request) {
      status.power = { ...status.power, observedRequest: next.request };
      keepOffline(status, present, next.request);
    }
  });
  await deps.checkpoint('operation:recorded');
  return 'again';
}

/** Somebody wants it stopped: then it does not come back after a restore that came to nothing. */
function keepOffline(status: NonNullable<Server['status']>, server: Server, request: string): void {
  const wish = server.spec.power.request;
  if (wish?.id === request && !startsProcess(wish.action)) delete status.claim?.wasOnline;
}

function resume(deps: ServerControllerDeps, server: Server, operation: ServerOperation): Progress {
  const { name } = server.metadata;
  // A whole node that comes back is started a few at a time; what somebody asked for never waits behind that.
  const outage = operation.cause === 'Outage' && !openRequest(server);
  if (outage && !deps.places.admit(name)) return after(placeRetryMs);
  const { action, request } = operation;
  const progress = startJob(deps, server, { action, request }, (job) => runOperation(deps, server, operation, job));
  if (!outage || !deps.jobs.current(name)) deps.places.leave(name);
  return progress;
}

function startJob(
  deps: ServerControllerDeps,
  server: Server,
  job: Pick<ServerJob, 'action' | 'request'>,
  work: (signal: AbortSignal) => Promise<void>,
): Progress {
  const { name, uid, resourceVersion } = server.metadata;
  const waitMs = (deps.failures.get(name)?.retryAt ?? 0) - deps.clock.monotonic();
  if (waitMs > 0) return after(waitMs);
  const started = deps.jobs.start(name, `${uid}/${resourceVersion}`, work);
  if (started === 'full') return after(placeRetryMs);
  if (started === 'started') deps.working.set(name, { ...job, uid });
  return undefined;
}
