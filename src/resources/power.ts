// Power as a wish in spec: every start, stop, restart or kill is a request with an id of its own, stamped here so that
// nobody can forge one, and refused while an earlier one is under way.
import { PowerConflictError } from './errors.ts';
import type { PowerAction, Server, ServerSpec } from './server.ts';

export const powerBusyText =
  'another power action is currently being processed for this server, please try again later';
export const suspendedText = 'server is currently in a suspended state';
export const restoringText = 'server is currently being restored';
export const installingText = 'server is currently installing';

type Power = ServerSpec['power'];

export interface PowerStamp {
  newId: () => string;
  /** RFC 3339. */
  now: string;
  by: string;
}

/**
 * What `spec.power` becomes when `action` is asked for; undefined leaves it as it is.
 * @throws PowerConflictError
 */
export function admitPower(
  current: Server | undefined,
  spec: ServerSpec,
  action: PowerAction | undefined,
  stamp: PowerStamp,
): Power {
  const before = current?.spec.power;
  if (!action) return before ?? { desired: spec.power.desired };
  if (spec.suspended && startsProcess(action)) {
    if (current) throw new PowerConflictError(suspendedText);
    // Declared as running and suspended at once: it is not started.
    return { desired: 'Running' };
  }
  if (current?.status?.claim?.kind === 'Installation') throw new PowerConflictError(installingText);
  if (startsProcess(action) && current?.status?.claim?.kind === 'Restore') throw new PowerConflictError(restoringText);
  if (action !== 'kill' && isBusy(current)) throw new PowerConflictError(powerBusyText);
  return { desired: desiredAfter(action), request: { id: stamp.newId(), action, at: stamp.now, by: stamp.by } };
}

/** What a writer of a whole object asks for. `stated`: its `spec.power` as it was sent, undefined = not at all. */
export function actionOfObject(
  current: Server | undefined,
  stated: Partial<Power> | undefined,
): PowerAction | undefined {
  const request = current?.spec.power.request;
  const given = stated?.request;
  if (given && (given.id === undefined || given.id !== request?.id || given.action !== request?.action))
    return given.action;
  return actionOfDesired(current, stated?.desired);
}

/** What a patch asks for: naming an action is a request, the same one again included. */
export function actionOfPatch(
  current: Server,
  patched: ServerSpec,
  patch: { spec?: { power?: Partial<Power> | null } | null },
): PowerAction | undefined {
  const stated = patch.spec?.power;
  if (stated?.request?.action !== undefined) return patched.power.request?.action;
  return actionOfDesired(current, stated?.desired);
}

/** Whether a stated `desired` and the action that was asked for with it say the same. */
export function agrees(
  current: Server | undefined,
  stated: Power['desired'] | undefined,
  action: PowerAction,
): boolean {
  const untouched = stated === undefined || stated === (current?.spec.power.desired ?? 'Stopped');
  return untouched || stated === desiredAfter(action);
}

/** A null is a wish that is not stated: it must not stop a game. */
function actionOfDesired(
  current: Server | undefined,
  desired: Power['desired'] | null | undefined,
): PowerAction | undefined {
  if (!desired || desired === (current?.spec.power.desired ?? 'Stopped')) return undefined;
  return desired === 'Running' ? 'start' : 'stop';
}

function desiredAfter(action: PowerAction): Power['desired'] {
  return startsProcess(action) ? 'Running' : 'Stopped';
}

function startsProcess(action: PowerAction): boolean {
  return action === 'start' || action === 'restart';
}

function isBusy(server: Server | undefined): boolean {
  const id = server?.spec.power.request?.id;
  return id !== undefined && id !== server?.status?.power?.finishedRequest;
}
