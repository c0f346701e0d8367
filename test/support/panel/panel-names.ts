// Servers and backups as people name them: by a name, and by their place in the list.
import type { PanelBackup, PanelServer, PanelState } from './panel-state.ts';

/** Of a request that names nothing that there is. */
export class NoSuchThing extends Error {}

/** The uuid itself when there is no such server. */
export function nameOf({ servers }: PanelState, uuid: string): string {
  return servers.get(uuid)?.parts.name ?? uuid;
}

/** From 1, in the order in which they were made. */
export function numberOf({ backups }: PanelState, uuid: string): number {
  return [...backups.keys()].indexOf(uuid) + 1;
}

/** @throws NoSuchThing */
export function serverNamed({ servers }: PanelState, name = ''): PanelServer {
  const found = [...servers.values()].find(({ parts, uuid }) => parts.name === name || uuid === name);
  if (found) return found;
  throw new NoSuchThing(name === '' ? 'Which server?' : `There is no server ${name}.`);
}

/** @throws NoSuchThing */
export function backupNumbered({ backups }: PanelState, number = ''): PanelBackup {
  const found = [...backups.values()][Number(number) - 1];
  if (found) return found;
  throw new NoSuchThing(number === '' ? 'Which backup?' : `There is no backup ${number}.`);
}
