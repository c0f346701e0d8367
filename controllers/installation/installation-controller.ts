// Brings each Installation to its end: decides one step, records it, does it, looks again. What it does from each phase,
// also after a crash of the daemon:
//   Pending     → waits until nothing else has the server, then takes it
//   Preparing   → has the process of the server ended, then a job makes the installer; one that has begun is taken over,
//                 and where there is no script to run the job only sees to the directory
//   Running     → a job takes the installer over and waits for its end; without one it has failed
//   Finalizing  → the outcome is durable: clean-up, reports, release, the final write (ending.ts)
//   finished    → the object goes when its time is over
// The key is the installation's name. It is enqueued by a change of the object, the end of its job, a change of its
// server's claim or deletion, Docker coming back, and a slow resync.
import { timestamp } from '../../src/clock/clock.ts';
import { DockerUnreachableError } from '../../src/docker/engine.ts';
import { type Installation, installationFinalizer, isFinishedInstallation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import { type BackoffLimits, backoffMs } from '../../src/runtime/backoff.ts';
import { demandStop, takeClaim } from '../../src/runtime/claims.ts';
import { expire } from '../../src/runtime/expiry.ts';
import { removeFinalizer } from '../../src/runtime/finalizers.ts';
import { after, type Outcome, type Reconcile } from '../../src/runtime/reconciler.ts';
import { StoreError } from '../../src/store/errors.ts';
import { decide, isSkipped, type Step, skipped } from './decision.ts';
import {
  type InstallationDeps,
  type Installed,
  serverOf,
  serverUuidOf,
  tell,
  type Verdict,
  type Work,
} from './deps.ts';
import { conclude, end } from './ending.ts';
import { failureOf } from './failures.ts';
import { install } from './install-job.ts';
import { enter, record, tellServer } from './record.ts';

/** More steps than any path through the decision needs: beyond, two steps undo each other. */
const maxSteps = 12;

/** What waits is told when its turn comes; this is for a word that was lost, ms. */
const waitMs = 30_000;

/** Docker is asked again this often while it does not answer. */
const dockerRetryMs = 5_000;

/** Between two jobs of which the first ended for want of Docker or the store. */
const jobRetry: BackoffLimits = { baseMs: 100, maxMs: 5_000 };

/** Wall clocks jump: nobody sleeps longer than this towards a time, ms. */
const longestRestMs = 3_600_000;

type Progress = Outcome | 'again';

export function installationReconciler(deps: InstallationDeps): Reconcile {
  return async (name, { log }) => {
    try {
      for (let steps = 0; steps < maxSteps; steps += 1) {
        const installation = await deps.store.get<Installation>('Installation', name);
        await dropAnother(deps, name, installation?.metadata.uid);
        if (!installation) return undefined;
        const server = await serverOf(deps, installation);
        const work = workOf(deps, installation);
        takeOutcome(deps, installation, work);
        const step = decide({
          installation,
          nodeName: deps.config.aileron.nodeName,
          server,
          working: deps.jobs.current(name) !== undefined,
          stopping: work.stopping !== undefined,
          verdict: work.verdict,
          now: deps.clock.now(),
        });
        log.debug({ step: step.do, phase: installation.status?.phase }, 'decided the next step');
        const outcome = await perform(deps, installation, server, work, step);
        if (outcome !== 'again') return outcome;
      }
    } catch (error) {
      if (error instanceof DockerUnreachableError) return after(dockerRetryMs);
      throw error;
    }
    throw new Error(`no end was reached in ${maxSteps} steps`);
  };
}

/** Somebody removed the object by force: its work ends. */
async function dropAnother(deps: InstallationDeps, name: string, uid: string | undefined): Promise<void> {
  const work = deps.works.get(name);
  if (!work || work.uid === uid) return;
  await deps.jobs.cancel(name, new Error('the object is gone'));
  deps.jobs.takeOutcome(name);
  deps.works.delete(name);
}

function workOf(deps: InstallationDeps, installation: Installation): Work {
  const { name, uid } = installation.metadata;
  const present = deps.works.get(name);
  if (present) return present;
  const work: Work = { uid, failures: 0 };
  if (!isFinishedInstallation(installation)) deps.works.set(name, work);
  return work;
}

/** What a job came to is kept until it is recorded; one that ended for want of Docker is started again. */
function takeOutcome({ jobs, clock, log, config }: InstallationDeps, { metadata }: Installation, work: Work): void {
  const ended = jobs.takeOutcome(metadata.name);
  if (!ended || ended.attempt !== metadata.uid) return;
  const { result, error } = ended;
  if (result) {
    const verdict = verdictOf(result);
    if (verdict) work.verdict = verdict;
    return;
  }
  if (work.stopping) return;
  log.warn({ err: error, installation: metadata.name }, 'the work on an installation broke off');
  if (error instanceof DockerUnreachableError || error instanceof StoreError) {
    work.failures += 1;
    work.retryAt = clock.monotonic() + backoffMs(work.failures, jobRetry, Math.random);
    return;
  }
  work.verdict = { outcome: failureOf(error, config) };
}

/** Undefined: it is to be looked at anew. */
function verdictOf(installed: Installed): Verdict | undefined {
  if (installed.end === 'not-stopped') return undefined;
  if (installed.end === 'skipped') return { outcome: skipped };
  const message = `The script ended with exit code ${installed.exitCode}.`;
  return { outcome: { result: 'Completed', reason: 'Completed', message }, exitCode: installed.exitCode };
}

async function perform(
  deps: InstallationDeps,
  installation: Installation,
  server: Server | undefined,
  work: Work,
  step: Step,
): Promise<Progress> {
  switch (step.do) {
    case 'wait':
      return undefined;
    case 'accept':
      await record(deps, installation, (status) => {
        if (!status.phase) enter(deps, status, 'Pending');
      });
      return 'again';
    case 'begin':
      return begin(deps, installation, server);
    case 'demand-stop':
      return demandNoProcess(deps, installation);
    case 'run':
      return run(deps, installation, work);
    case 'stop-job':
      work.stopping = step.outcome;
      // Its end enqueues the key.
      void deps.jobs.cancel(installation.metadata.name, new Error(step.outcome.message));
      return undefined;
    case 'conclude':
      await conclude(deps, installation, step.verdict);
      return 'again';
    case 'end':
      return end(deps, installation);
    case 'remove-finalizer':
      await removeFinalizer(deps.store, installation, installationFinalizer);
      return undefined;
    case 'expire':
      await expire(deps, installation);
      return undefined;
    case 'expire-later':
      return after(Math.min(step.at - deps.clock.now(), longestRestMs));
  }
}

async function begin(
  deps: InstallationDeps,
  installation: Installation,
  server: Server | undefined,
): Promise<Progress> {
  const { name, uid } = installation.metadata;
  const answer = await takeClaim(deps, installation.spec.serverRef.name, { kind: 'Installation', name, uid });
  if (!answer.taken) return after(waitMs);
  await deps.checkpoint('install:claimed');
  await tellServer(deps, installation, undefined);
  const begun = await record(deps, installation, (status) => {
    enter(deps, status, 'Preparing');
    status.startedAt ??= timestamp(deps.clock);
  });
  if (!begun) return 'again';
  const uuid = serverUuidOf(installation);
  if (!isSkipped(installation, server)) deps.bus.publish(uuid, 'install', { step: 'started' });
  tell(deps, installation, 'Normal', 'Preparing', `Server "${installation.spec.serverRef.name}" is prepared.`);
  await deps.checkpoint('install:preparing-recorded');
  return 'again';
}

/** The server controller does it, and says in the claim when it is done. */
async function demandNoProcess(deps: InstallationDeps, { metadata, spec }: Installation): Promise<Progress> {
  const { name, uid } = metadata;
  const answer = await takeClaim(deps, spec.serverRef.name, { kind: 'Installation', name, uid });
  if (answer.taken) await demandStop(deps.store, spec.serverRef.name, uid, true);
  await deps.checkpoint('install:stop-demanded');
  return after(waitMs);
}

function run(deps: InstallationDeps, installation: Installation, work: Work): Progress {
  const { name, uid } = installation.metadata;
  const pauseMs = (work.retryAt ?? 0) - deps.clock.monotonic();
  if (pauseMs > 0) return after(pauseMs);
  delete work.stopping;
  const started = deps.jobs.start(name, uid, (signal) => install(deps, installation, signal));
  return started === 'full' ? after(waitMs) : undefined;
}
