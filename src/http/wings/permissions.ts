// What a token's permissions allow. The names are those of the Panels.

/** Everything but what begins with `admin`. */
const all = '*';

export function permits(permissions: ReadonlySet<string>, wanted: string): boolean {
  return permissions.has(wanted) || (permissions.has(all) && !wanted.startsWith('admin'));
}

export const connectPermission = 'websocket.connect';
export const commandPermission = 'control.console';
export const errorsPermission = 'admin.websocket.errors';

/** An action that is not here is refused. */
export const powerPermissions = {
  start: 'control.start',
  stop: 'control.stop',
  restart: 'control.restart',
  kill: 'control.stop',
} as const;
