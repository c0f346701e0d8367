// The stream of what happens to containers.
import type { Connection } from './connection.ts';
import { type ContainerEvent, DockerUnreachableError } from './engine.ts';
import { type JsonObject, number, object, text, textMap } from './json.ts';
import { jsonLines } from './json-lines.ts';
import { seconds } from './logs.ts';

/** An event repeats the labels of its container, which may be long. */
const maxEventBytes = 1024 * 1024;
/** Attributes that Docker adds to the labels; not labels themselves. */
const notLabels = new Set(['name', 'image', 'exitCode', 'signal', 'execID', 'execDuration']);

export async function openEvents(
  connection: Connection,
  { since, signal }: { since?: number; signal: AbortSignal },
): Promise<AsyncIterable<ContainerEvent>> {
  const query = {
    filters: JSON.stringify({ type: ['container'] }),
    since: since === undefined ? since : seconds(since),
  };
  const stream = await connection.open({ method: 'GET', path: '/events', query, signal });
  return readEvents(stream, signal);
}

async function* readEvents(stream: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<ContainerEvent> {
  try {
    for await (const line of jsonLines(stream, maxEventBytes)) {
      const event = object(line);
      if (text(event.Type) === 'container') yield eventOf(event);
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  if (!signal.aborted) throw new DockerUnreachableError('Docker ended the stream of events');
}

function eventOf(event: JsonObject): ContainerEvent {
  const actor = object(event.Actor);
  const attributes = textMap(actor.Attributes);
  const exitCode = Number(attributes.exitCode);
  return {
    action: text(event.Action),
    id: text(actor.ID),
    name: attributes.name ?? '',
    labels: Object.fromEntries(Object.entries(attributes).filter(([key]) => !notLabels.has(key))),
    ...(attributes.exitCode !== undefined && Number.isInteger(exitCode) ? { exitCode } : {}),
    // Rounded down to whole ms: seeing an event twice is fine, missing one is not.
    time: Math.floor(number(event.timeNano) / 1e6) / 1e3 || number(event.time),
  };
}
