// The process state of a server and everything that must change with it in one write. A transition is stored first and
// published after, one at a time and in order, because only the work that holds the server's key makes one.
import type { Bus } from '../../src/bus/bus.ts';
import { type Clock, timestamp } from '../../src/clock/clock.ts';
import { removeCondition, setCondition } from '../../src/resources/conditions.ts';
import type { ProcessState, Server, ServerStatus } from '../../src/resources/server.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { Store } from '../../src/store/store.ts';
import { usageOffline } from './usage.ts';

export type StatusChange = (status: ServerStatus, server: Server) => void;

export interface MoveOptions {
  change?: StatusChange;
  from?: readonly ProcessState[];
}

export interface States {
  /** Changes status without a transition. `undefined`: the object is gone. */
  record(name: string, change: StatusChange): Promise<Server | undefined>;
  /**
   * Moves to `next` and applies `change` in the same write. The present state again publishes nothing. With `from`,
   * nothing happens unless the state is one of those at the moment of the write. Answers whether the state is `next` now.
   */
  move(name: string, next: ProcessState, cause: string, options?: MoveOptions): Promise<boolean>;
}

export function serverStates({ store, bus, clock }: { store: Store; bus: Bus; clock: Clock }): States {
  const record = (name: string, change: StatusChange) =>
    mutateStatus<Server>(store, 'Server', name, (draft, server) => {
      const status = draft as ServerStatus;
      change(status, server);
      setReady(status, server, timestamp(clock));
    });
  return {
    record,
    async move(name, next, cause, { change, from } = {}) {
      let previous = 'offline' as ProcessState;
      let moves = true;
      const server = await record(name, (status, present) => {
        previous = status.state ?? 'offline';
        moves = !from || from.includes(previous);
        if (!moves) return;
        status.state = next;
        if (next === 'offline') delete status.startedAt;
        change?.(status, present);
      });
      const uuid = server?.spec.uuid;
      if (uuid && moves && previous !== next) {
        bus.publish(uuid, 'state', { previous, state: next, cause });
        if (next === 'offline') bus.publish(uuid, 'usage', usageOffline(undefined));
      }
      return server !== undefined && moves;
    },
  };
}

/** Ready follows from the rest of status, so it is set wherever status is written. */
function setReady(status: ServerStatus, server: Server, now: string): void {
  status.conditions ??= [];
  const observedGeneration = server.metadata.generation;
  const { ready, reason, message } = readiness(status, server);
  setCondition(
    status.conditions,
    { type: 'Ready', status: ready ? 'True' : 'False', reason, message, observedGeneration },
    now,
  );
  if (status.needsRestart?.length) {
    const fields = status.needsRestart.join(', ');
    const restart = {
      type: 'NeedsRestart',
      status: 'True',
      reason: 'SpecChanged',
      message: `The running process does not have: ${fields}.`,
    } as const;
    setCondition(status.conditions, { ...restart, observedGeneration }, now);
  } else {
    removeCondition(status.conditions, 'NeedsRestart');
  }
}

function readiness(status: ServerStatus, server: Server): { ready: boolean; reason: string; message: string } {
  switch (status.state) {
    case 'running':
      return { ready: true, reason: 'Running', message: 'The server is running.' };
    case 'starting':
      return {
        ready: false,
        reason: 'Starting',
        message: 'The process was started and has not said yet that it is up.',
      };
    case 'stopping':
      return { ready: false, reason: 'Stopping', message: 'The server is asked to stop.' };
    default:
      return { ready: false, ...offlineReason(status, server) };
  }
}

function offlineReason(status: ServerStatus, server: Server): { reason: string; message: string } {
  if (server.spec.suspended) return { reason: 'Suspended', message: 'The server is suspended.' };
  if (status.power?.outcome === 'Failed')
    return { reason: 'StartFailed', message: status.power.message ?? 'The start failed.' };
  if (status.exit?.reason === 'Crashed') {
    const memory = status.exit.oomKilled ? ', out of memory' : '';
    return { reason: 'Crashed', message: `The process ended by itself with exit code ${status.exit.code}${memory}.` };
  }
  return { reason: 'Offline', message: 'The server is offline.' };
}
