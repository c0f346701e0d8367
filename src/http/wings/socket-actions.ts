// What a console socket can set in motion: a power action, a typed line. Who lacks the permission gets no answer.
import { type ConsoleInput, NoConsoleError } from '../../console/console-input.ts';
import type { ConsoleHub } from '../../console/hub.ts';
import type { PowerAction } from '../../resources/server.ts';
import { commandPermission, powerPermissions } from './permissions.ts';
import type { PowerRequests } from './power-requests.ts';
import { daemonErrors, SocketRequestError } from './socket-errors.ts';
import type { SocketToken } from './socket-token.ts';

/** Who asks. */
type Asker = Pick<SocketToken, 'permits' | 'userUuid'>;

export class SocketActions {
  readonly #hub: ConsoleHub;
  readonly #power: PowerRequests;
  readonly #input: ConsoleInput;

  constructor({ hub, power, input }: { hub: ConsoleHub; power: PowerRequests; input: ConsoleInput }) {
    this.#hub = hub;
    this.#power = power;
    this.#input = input;
  }

  /** Resolves when the action came to its end. @throws SocketRequestError, PowerConflictError, what admission throws */
  async setState(serverUuid: string, asker: Asker, action: string): Promise<void> {
    if (!isPowerAction(action)) throw new SocketRequestError(daemonErrors.unknownAction);
    if (!asker.permits(powerPermissions[action])) return;
    await this.#power.perform(serverUuid, action, `console:${asker.userUuid}`);
  }

  /** Nothing happens when no process could read the line. @throws DockerError */
  async sendCommand(serverUuid: string, asker: Asker, line: string): Promise<void> {
    if (!asker.permits(commandPermission) || this.#hub.state(serverUuid) === 'offline') return;
    try {
      await this.#input.send(serverUuid, line);
    } catch (error) {
      if (!(error instanceof NoConsoleError)) throw error;
    }
  }
}

function isPowerAction(action: string): action is PowerAction {
  return Object.hasOwn(powerPermissions, action);
}
