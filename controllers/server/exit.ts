// What is recorded and told when a process ended by itself, and what follows by the rules of crash.ts.
import { crashEvent } from '../../src/activity/activity.ts';
import { timestamp } from '../../src/clock/clock.ts';
import { setCondition } from '../../src/resources/conditions.ts';
import { isUnlisted } from '../../src/resources/listed.ts';
import type { Server } from '../../src/resources/server.ts';
import { judgeCrash } from './crash.ts';
import { type ServerDeps, say, tell, uuidOf } from './deps.ts';
import type { Observation } from './observe.ts';
import type { StatusChange } from './states.ts';

/** The process ended and nobody asked it to. What follows is in the same write, so that a crash cannot forget it. */
export async function handleExit(deps: ServerDeps, server: Server, { container }: Observation): Promise<void> {
  const { clock, config } = deps;
  const { restartPolicy, crashDetectionEnabled } = server.spec;
  const { crashDetection } = config.system;
  const enabled = !isUnlisted(server) && (crashDetectionEnabled ?? crashDetection.enabled);
  const uuid = uuidOf(server);
  const session = deps.sessions.get(uuid);
  await session?.drain();
  const { lastCrashAt, startedAt, crashCount = 0 } = server.status ?? {};
  const exitCode = container?.exitCode ?? session?.exit?.exitCode ?? 1;
  const oomKilled = container?.oomKilled ?? false;
  const verdict = judgeCrash({
    exitCode,
    oomKilled,
    restartPolicy,
    rules: { ...crashDetection, enabled },
    earlierCrashes: crashCount,
    sinceLastCrash: secondsSince(lastCrashAt, clock.now()),
    uptime: secondsSince(startedAt, clock.now()) ?? 0,
  });
  const now = timestamp(clock);
  const change: StatusChange = (status) => {
    const finishedAt = container?.startedAt ? { finishedAt: container.finishedAt } : {};
    status.exit = { code: exitCode, oomKilled, ...finishedAt, reason: verdict.crashed ? 'Crashed' : 'Exited' };
    status.crashCount = verdict.count;
    delete status.restartAt;
    if (verdict.handled) status.lastCrashAt = now;
    if (verdict.restartAfterMs === 0) status.operation = { action: 'start', cause: 'Crash', startedAt: now };
    else if (verdict.restartAfterMs !== undefined) {
      status.restartAt = `${new Date(clock.now() + verdict.restartAfterMs).toISOString().slice(0, 19)}Z`;
    }
    setCrashed(status, server, verdict.crashed, now);
  };
  // Somebody may have typed the stop command since the object was read: then the end was asked for.
  const from = ['starting', 'running'] as const;
  if (!(await deps.states.move(server.metadata.name, 'offline', 'Crash', { change, from }))) return;
  deps.sessions.close(uuid);
  if (verdict.crashed && (enabled || restartPolicy !== undefined)) {
    const logs = deps.history.tail(uuid, config.system.activity.crashLines);
    deps.activity.record({
      server: uuid,
      event: crashEvent,
      metadata: { exit_code: exitCode, oomkilled: oomKilled, logs },
    });
  }
  for (const line of verdict.lines) say(deps, server, line);
  const memory = oomKilled ? ', out of memory' : '';
  tell(
    deps,
    server,
    verdict.crashed ? 'Warning' : 'Normal',
    verdict.crashed ? 'Crashed' : 'Exited',
    `The process ended by itself with exit code ${exitCode}${memory}.`,
  );
}

function setCrashed(status: NonNullable<Server['status']>, server: Server, crashed: boolean, now: string): void {
  status.conditions ??= [];
  const observedGeneration = server.metadata.generation;
  const { code, oomKilled } = status.exit ?? { code: 0, oomKilled: false };
  const reason = oomKilled ? 'OutOfMemory' : 'ExitCode';
  const condition = crashed
    ? { status: 'True' as const, reason, message: `The process ended by itself with exit code ${code}.` }
    : { status: 'False' as const, reason: 'CleanExit', message: 'The process ended by itself with exit code 0.' };
  setCondition(status.conditions, { type: 'Crashed', ...condition, observedGeneration }, now);
}

/** A clock that was turned back tells nothing. */
function secondsSince(time: string | undefined, now: number): number | undefined {
  if (!time) return undefined;
  const elapsed = (now - Date.parse(time)) / 1000;
  return elapsed >= 0 ? elapsed : undefined;
}
