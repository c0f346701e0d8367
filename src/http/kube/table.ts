// Objects as a `Table` (what kubectl prints) and as `PartialObjectMetadata`, the two other forms of every object.
import type { Clock } from '../../clock/clock.ts';
import type { KindDefinition } from '../../resources/kinds.ts';
import type { StoredObject } from '../../resources/object.ts';
import { humanDuration } from './human-duration.ts';
import { compilePath, type PathReader } from './json-path.ts';
import { badRequest, StatusError } from './status.ts';

/** How much of each object goes along with its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface ListMetadata {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

interface Column {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
  cell(object: StoredObject, nowMs: number): unknown;
}

type ColumnDefinition = KindDefinition['columns'][number];

const columnsOf = new WeakMap<KindDefinition, readonly Column[]>();

/** @throws StatusError 400 */
export function parseIncludeObject(text: string | undefined): IncludeObject {
  if (text === undefined) return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw new StatusError(badRequest(`unrecognized includeObject value: ${JSON.stringify(text)}`));
}

/** `head`: whether to say what the columns are; a watch says it once. */
export function tableOf(
  kind: KindDefinition,
  objects: readonly StoredObject[],
  metadata: ListMetadata,
  { include, clock, head = true }: { include: IncludeObject; clock: Clock; head?: boolean },
) {
  const columns = compiledColumns(kind);
  const now = clock.now();
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: head ? columns.map(({ cell, ...definition }) => definition) : [],
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      object: include === 'Object' ? object : include === 'Metadata' ? metadataOf(object) : null,
    })),
  };
}

export function metadataOf(object: StoredObject) {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

function compiledColumns(kind: KindDefinition): readonly Column[] {
  let columns = columnsOf.get(kind);
  if (!columns) {
    columns = columnsFor(kind);
    columnsOf.set(kind, columns);
  }
  return columns;
}

function columnsFor(kind: KindDefinition): Column[] {
  const own = kind.columns.map(compileColumn);
  // An Event is known by what it is about; its own name is for those who ask for everything.
  return kind.kind === 'Event' ? [...own, { ...nameColumn, priority: 1 }] : [nameColumn, ...own];
}

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique in its kind.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

function compileColumn(definition: ColumnDefinition): Column {
  const { name, type, format = '', description = '', priority = 0 } = definition;
  const read = compilePath(definition.jsonPath);
  // An age is said in words by the server, so for the client it is a text.
  const shown = type === 'date' ? 'string' : type;
  return { name, type: shown, format, description, priority, cell: cellReader(type, read) };
}

function cellReader(type: string, read: PathReader): Column['cell'] {
  switch (type) {
    case 'date':
      return (object, now) => {
        const at = Date.parse(String(read(object)));
        return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at);
      };
    case 'integer':
    case 'number':
    case 'boolean':
      return (object) => read(object) ?? null;
    default:
      return (object) => {
        const value = read(object);
        if (value === undefined || value === null) return null;
        return typeof value === 'object' ? JSON.stringify(value) : String(value);
      };
  }
}
