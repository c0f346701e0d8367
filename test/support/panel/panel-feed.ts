// What a node has told the Panel, in sentences for whoever looks on.
import { nameOf, numberOf } from './panel-names.ts';
import type { Seen } from './panel-stand-in.ts';
import type { PanelState } from './panel-state.ts';

/** Undefined for what changes nothing. */
export function sentenceOf(state: PanelState, { method, path, status, body }: Seen): string | undefined {
  if (method !== 'POST' || status >= 300) return undefined;
  const [kind = '', id = '', ...rest] = path.slice(1).split('/');
  const { successful, data } = (body ?? {}) as { successful?: unknown; data?: { new_state?: unknown } };
  const well = successful === true;
  if (kind === 'servers' && rest[0] === 'install')
    return `${nameOf(state, id)} ${well ? 'is' : 'could not be'} installed`;
  if (kind === 'servers' && rest[0] === 'container') return `${nameOf(state, id)} is ${String(data?.new_state)}`;
  if (kind !== 'backups') return undefined;
  const server = nameOf(state, state.backups.get(id)?.server ?? '');
  if (rest[0] === 'restore') return `${server} ${well ? 'is' : 'could not be'} restored`;
  return `backup ${numberOf(state, id)} of ${server} ${well ? 'is done' : 'has failed'}`;
}
