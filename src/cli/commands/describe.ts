// `aileron describe`: one object for a person: what is wanted, what is so, what is being done, and what happened.
import { stringify } from 'yaml';
import type { Event } from '../../resources/event.ts';
import { eventKind, type KindDefinition } from '../../resources/kinds.ts';
import type { Condition, StoredObject } from '../../resources/object.ts';
import { type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { type Io, print, styled } from '../io.ts';
import { targetsOf } from '../kind-words.ts';
import { KubeClient } from '../kube-client.ts';
import { lastAppliedAnnotation } from '../last-applied.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import { safeLine, safeText } from '../safe-text.ts';
import { textTable } from '../text-table.ts';
import { durationText } from '../units.ts';

export async function describe(io: Io, words: readonly string[], options: AccessOptions): Promise<ExitCode> {
  const { kind, names } = targetsOf(words);
  if (names.length === 0) throw usageError(`Which ${kind.singular}? Write its name.`);
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    for (const [index, name] of names.entries()) {
      const object = await client.get(kind, name);
      const events = kind.kind === 'Event' ? [] : await eventsOf(client, object);
      if (index > 0) print(io, '');
      for (const line of description(io, kind, object, events, Date.now())) print(io, line);
    }
    return exitCodes.ok;
  } finally {
    client.close();
  }
}

async function eventsOf(client: KubeClient, { kind, metadata }: StoredObject): Promise<Event[]> {
  const fields = `involvedObject.kind=${kind},involvedObject.name=${metadata.name}`;
  const { items } = await client.list<Event>(eventKind, { fields });
  // Of this object, not of one that bore the name before.
  const own = items.filter(({ involvedObject }) => involvedObject.uid === metadata.uid);
  return own.sort((a, b) => Date.parse(a.lastTimestamp) - Date.parse(b.lastTimestamp));
}

interface PhaseTimes {
  phase: string;
  startedAt: string;
  finishedAt?: string;
}

interface DescribedStatus {
  conditions?: Condition[];
  operation?: unknown;
  phases?: PhaseTimes[];
}

/** @param now ms, for ages */
export function description(
  io: Pick<Io, 'env' | 'stdout'>,
  kind: KindDefinition,
  object: StoredObject,
  events: readonly Event[],
  now: number,
): string[] {
  const { metadata, spec, status, apiVersion: _, kind: __, ...others } = object;
  const heading = (text: string) => styled(io, io.stdout, 'bold', text);
  const { conditions = [], operation, phases = [], ...facts } = (status ?? {}) as DescribedStatus;
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => name !== lastAppliedAnnotation);
  return [
    ...textTable([
      ['Name:', metadata.name],
      ['Kind:', kind.group ? `${kind.kind} (${kind.group}/${kind.version})` : kind.kind],
      ['Labels:', pairs(Object.entries(metadata.labels ?? {}))],
      ['Annotations:', pairs(annotations)],
      ['Created:', `${metadata.creationTimestamp} (${age(metadata.creationTimestamp, now)} ago)`],
      ...(metadata.deletionTimestamp ? [['Being deleted:', `since ${age(metadata.deletionTimestamp, now)}`]] : []),
    ]),
    ...block(heading('Spec:'), spec),
    ...block(heading('Fields:'), Object.keys(others).length > 0 ? others : undefined),
    ...block(heading('Status:'), Object.keys(facts).length > 0 ? facts : undefined),
    ...block(heading('Operation under way:'), operation),
    ...(phases.length > 0 ? [heading('Phases:'), ...phaseLines(phases, now)] : []),
    ...(conditions.length > 0 ? [heading('Conditions:'), ...conditionLines(io, conditions, now)] : []),
    ...(kind.kind === 'Event' ? [] : [heading('Events:'), ...eventLines(io, events, now)]),
  ];
}

function phaseLines(phases: readonly PhaseTimes[], now: number): string[] {
  const rows = phases.map(({ phase, startedAt, finishedAt }) => {
    const took = durationText((finishedAt === undefined ? now : Date.parse(finishedAt)) - Date.parse(startedAt));
    return [safeLine(phase), startedAt, finishedAt === undefined ? `${took} so far` : took];
  });
  return indented(textTable([['PHASE', 'SINCE', 'TOOK'], ...rows]));
}

function conditionLines(io: Pick<Io, 'env' | 'stdout'>, conditions: readonly Condition[], now: number): string[] {
  const rows = conditions.map(({ type, status, reason, message, lastTransitionTime }) => [
    type,
    status === 'True' ? status : styled(io, io.stdout, 'yellow', status),
    reason,
    age(lastTransitionTime, now),
    safeLine(message),
  ]);
  return indented(textTable([['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], ...rows]));
}

function eventLines(io: Pick<Io, 'env' | 'stdout'>, events: readonly Event[], now: number): string[] {
  if (events.length === 0) return ['  none'];
  const rows = events.map(({ lastTimestamp, type, reason, count, message }) => [
    age(lastTimestamp, now),
    type === 'Warning' ? styled(io, io.stdout, 'yellow', type) : type,
    reason,
    safeLine(count > 1 ? `${message} (${count} times)` : message),
  ]);
  return indented(textTable([['AGE', 'TYPE', 'REASON', 'MESSAGE'], ...rows]));
}

function block(heading: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  const text = stringify(value, { lineWidth: 0 }).trimEnd();
  return [heading, ...indented(safeText(text).split('\n'))];
}

function pairs(entries: readonly [string, string][]): string {
  return entries.length === 0 ? 'none' : safeLine(entries.map(([name, value]) => `${name}=${value}`).join(', '));
}

function age(time: string, now: number): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? '-' : durationText(now - at);
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
