// What a console socket can set in motion: a power action, a typed line. Who lacks the permission gets no answer. What was
// done is recorded as the user's; what a Panel asks for by its API it records itself.
import type { ActivityRecorder } from '../../activity/activity.ts';
import type { Clock } from '../../clock/clock.ts';
import { type ConsoleInput, NoConsoleError } from '../../console/console-input.ts';
import type { ConsoleHub } from '../../console/hub.ts';
import type { PowerAction } from '../../resources/server.ts';
import { commandPermission, powerPermissions } from './permissions.ts';
import type { PowerRequests } from './power-requests.ts';
import { daemonErrors, SocketRequestError } from './socket-errors.ts';
import type { SocketToken } from './socket-token.ts';

/** Who asks, and from where. */
export interface Asker extends Pick<SocketToken, 'permits' | 'userUuid'> {
  address: string;
}

export interface SocketActionsOptions {
  hub: ConsoleHub;
  power: PowerRequests;
  input: ConsoleInput;
  activity: ActivityRecorder;
  clock: Clock;
}

export class SocketActions {
  readonly #options: SocketActionsOptions;

  constructor(options: SocketActionsOptions) {
    this.#options = options;
  }

  /** Resolves when the action came to its end. @throws SocketRequestError, PowerConflictError, what admission throws */
  async setState(serverUuid: string, asker: Asker, action: string): Promise<void> {
    if (!isPowerAction(action)) throw new SocketRequestError(daemonErrors.unknownAction);
    if (!asker.permits(powerPermissions[action])) return;
    const { power, activity, clock } = this.#options;
    // Of now: a stop can take ten minutes, and the socket may hold another token by then.
    const { userUuid: user, address: ip } = asker;
    const at = clock.now();
    await power.perform(serverUuid, action, `console:${user}`);
    activity.record({ server: serverUuid, event: `server:power.${action}`, user, ip, at });
  }

  /** Nothing happens when no process could read the line. @throws DockerError */
  async sendCommand(serverUuid: string, asker: Asker, line: string): Promise<void> {
    const { hub, input, activity, clock } = this.#options;
    if (!asker.permits(commandPermission) || hub.state(serverUuid) === 'offline') return;
    const { userUuid: user, address: ip } = asker;
    const at = clock.now();
    try {
      await input.send(serverUuid, line);
    } catch (error) {
      if (error instanceof NoConsoleError) return;
      throw error;
    }
    activity.record({ server: serverUuid, event: 'server:console.command', metadata: { command: line }, user, ip, at });
  }
}

function isPowerAction(action: string): action is PowerAction {
  return Object.hasOwn(powerPermissions, action);
}
