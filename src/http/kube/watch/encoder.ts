// One line of JSON for each event of a watch, in the form the reader asked for.
import type { Clock } from '../../../clock/clock.ts';
import type { KindDefinition } from '../../../resources/kinds.ts';
import type { StoredObject } from '../../../resources/object.ts';
import type { Representation } from '../negotiation.ts';
import type { Status } from '../status.ts';
import { type IncludeObject, metadataOf, tableOf } from '../table.ts';
import type { ObjectEvent } from './filter.ts';

export interface WatchEncoder {
  event(event: ObjectEvent): string;
  /** `initialEnd`: everything that was there at the start has been told. */
  bookmark(resourceVersion: string, initialEnd: boolean): string;
  error(status: Status): string;
}

// Every watcher of a kind gets the same frozen object, so its text is made once.
const texts = new WeakMap<StoredObject, string>();

export function watchEncoder(
  kind: KindDefinition,
  as: Representation['as'],
  include: IncludeObject,
  clock: Clock,
): WatchEncoder {
  let tableHasHead = false;

  const table = (objects: readonly StoredObject[], resourceVersion: string): string => {
    const text = JSON.stringify(tableOf(kind, objects, { resourceVersion }, { include, clock, head: !tableHasHead }));
    tableHasHead = true;
    return text;
  };
  const body = (object: StoredObject): string => {
    if (as === 'table') return table([object], object.metadata.resourceVersion);
    if (as === 'metadata') return JSON.stringify(metadataOf(object));
    return textOf(object);
  };

  return {
    event: ({ type, object }) => line(type, body(object)),
    bookmark(resourceVersion, initialEnd) {
      if (as === 'table') return line('BOOKMARK', table([], resourceVersion));
      const annotations = initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
      const metadata = { resourceVersion, creationTimestamp: null, ...annotations };
      const named =
        as === 'metadata' ? { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' } : identity(kind);
      return line('BOOKMARK', JSON.stringify({ ...named, metadata }));
    },
    error: (status) => line('ERROR', JSON.stringify(status)),
  };
}

function identity({ kind, group, version }: KindDefinition): { kind: string; apiVersion: string } {
  return { kind, apiVersion: group ? `${group}/${version}` : version };
}

function textOf(object: StoredObject): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}

function line(type: string, object: string): string {
  return `{"type":"${type}","object":${object}}\n`;
}
