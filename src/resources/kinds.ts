// Every kind there is, in one table: what doors serve, the CRD files say and OpenAPI describes. A new kind is a file
// with its schema and one entry here.
import { backupSpecSchema, backupStatusSchema } from './backup.ts';
import { eventSchema } from './event.ts';
import { installationSpecSchema, installationStatusSchema } from './installation.ts';
import type { JsonSchema } from './json-schema.ts';
import { namespaceSchema } from './namespace.ts';
import { nodeStatusSchema } from './node.ts';
import { restoreSpecSchema, restoreStatusSchema } from './restore.ts';
import { scheduleSpecSchema, scheduleStatusSchema } from './schedule.ts';
import { serverSpecSchema } from './server-spec.ts';
import { serverStatusSchema } from './server-status.ts';

/** As in a CustomResourceDefinition. Priority 0 is always shown, 1 with `-o wide`. */
export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: string;
  jsonPath: string;
  priority?: number;
  description?: string;
}

export interface KindDefinition {
  /** Empty for the core group. */
  group: string;
  version: string;
  kind: string;
  /** What an object of this kind is, for `kubectl explain`. */
  description: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  statusSubresource: boolean;
  /** Clients may only look. */
  readOnly?: true;
  /** Beside the name, which is always the first column. */
  columns: readonly PrinterColumn[];
  /** Of the whole object but `apiVersion`, `kind` and `metadata`. */
  schema: JsonSchema;
}

/** What this project's own kinds have in common. */
const own = { group: 'aileron.dev', version: 'v1', namespaced: false, statusSubresource: true } as const;

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const phase: PrinterColumn = { name: 'Phase', type: 'string', jsonPath: '.status.phase' };
const progress: PrinterColumn = {
  name: 'Progress',
  type: 'integer',
  jsonPath: '.status.progress.percentage',
  description: 'Percent; -1 at the end of what failed or was cancelled',
};
const serverName: PrinterColumn = { name: 'Server', type: 'string', jsonPath: '.spec.serverRef.name' };
const outcomeMessage: PrinterColumn = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.outcome.message',
  priority: 1,
  description: 'How it ended',
};

export const serverKind: KindDefinition = {
  ...own,
  kind: 'Server',
  description: 'A game server on this node: a container with its volume, limits and ports, and whether it should run.',
  plural: 'servers',
  singular: 'server',
  shortNames: ['gs'],
  categories: ['all', 'aileron'],
  columns: [
    { name: 'State', type: 'string', jsonPath: '.status.state', description: 'offline, starting, running or stopping' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Desired', type: 'string', jsonPath: '.spec.power.desired', description: 'What should be' },
    {
      name: 'Crashes',
      type: 'integer',
      jsonPath: '.status.crashCount',
      description: 'Ends nobody asked for since the last requested start',
    },
    age,
    { name: 'Port', type: 'integer', jsonPath: '.spec.allocations.default.port', priority: 1 },
    { name: 'Image', type: 'string', jsonPath: '.spec.image', priority: 1 },
    { name: 'Disk', type: 'integer', jsonPath: '.status.diskBytes', priority: 1, description: 'Bytes' },
    { name: 'UUID', type: 'string', jsonPath: '.spec.uuid', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
  ],
  schema: { type: 'object', required: ['spec'], properties: { spec: serverSpecSchema, status: serverStatusSchema } },
};

export const nodeKind: KindDefinition = {
  ...own,
  kind: 'Node',
  description: 'This machine: what it has, which versions run, whether Docker answers. Written by the node itself.',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  categories: ['aileron'],
  columns: [
    { name: 'Docker', type: 'string', jsonPath: '.status.conditions[?(@.type=="DockerReady")].status' },
    { name: 'Disk-Pressure', type: 'string', jsonPath: '.status.conditions[?(@.type=="DiskPressure")].status' },
    { name: 'Version', type: 'string', jsonPath: '.status.versions.aileron' },
    age,
    { name: 'Docker-Version', type: 'string', jsonPath: '.status.versions.docker', priority: 1 },
    { name: 'Kernel', type: 'string', jsonPath: '.status.versions.kernel', priority: 1 },
    { name: 'CPUs', type: 'integer', jsonPath: '.status.capacity.cpus', priority: 1 },
    { name: 'Heartbeat', type: 'date', jsonPath: '.status.heartbeatAt', priority: 1 },
  ],
  schema: { type: 'object', properties: { status: nodeStatusSchema } },
};

export const backupKind: KindDefinition = {
  ...own,
  kind: 'Backup',
  description: 'One archive of the files of a server: made when the object is, there as long as the object is.',
  plural: 'backups',
  singular: 'backup',
  shortNames: ['bk'],
  categories: ['all', 'aileron'],
  columns: [
    phase,
    progress,
    {
      name: 'Bytes',
      type: 'integer',
      jsonPath: '.status.progress.bytesWritten',
      description: 'Read of the files so far, and then sent',
    },
    {
      name: 'Size',
      type: 'integer',
      jsonPath: '.status.archive.size',
      description: 'Bytes of the archive, once whole',
    },
    serverName,
    age,
    { name: 'Locked', type: 'boolean', jsonPath: '.spec.locked', priority: 1 },
    { name: 'Checksum', type: 'string', jsonPath: '.status.archive.checksum', priority: 1 },
    { name: 'UUID', type: 'string', jsonPath: '.spec.uuid', priority: 1 },
    outcomeMessage,
  ],
  schema: { type: 'object', required: ['spec'], properties: { spec: backupSpecSchema, status: backupStatusSchema } },
};

export const restoreKind: KindDefinition = {
  ...own,
  kind: 'Restore',
  description: 'The files of a server brought back from a backup, once.',
  plural: 'restores',
  singular: 'restore',
  shortNames: ['rst'],
  categories: ['all', 'aileron'],
  columns: [
    phase,
    progress,
    serverName,
    { name: 'Backup', type: 'string', jsonPath: '.spec.backupRef.name' },
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
    age,
    { name: 'Strategy', type: 'string', jsonPath: '.status.strategy', priority: 1 },
    outcomeMessage,
  ],
  schema: { type: 'object', required: ['spec'], properties: { spec: restoreSpecSchema, status: restoreStatusSchema } },
};

export const installationKind: KindDefinition = {
  ...own,
  kind: 'Installation',
  description: 'The install script of a server, run once in a container of its own.',
  plural: 'installations',
  singular: 'installation',
  shortNames: ['inst'],
  categories: ['all', 'aileron'],
  columns: [
    phase,
    serverName,
    { name: 'Reinstall', type: 'boolean', jsonPath: '.spec.reinstall' },
    { name: 'Exit', type: 'integer', jsonPath: '.status.exitCode', description: 'Exit code of the script' },
    age,
    { name: 'Container', type: 'string', jsonPath: '.status.containerId', priority: 1 },
    { name: 'Log', type: 'string', jsonPath: '.status.logFile', priority: 1 },
    outcomeMessage,
  ],
  schema: {
    type: 'object',
    required: ['spec'],
    properties: { spec: installationSpecSchema, status: installationStatusSchema },
  },
};

export const scheduleKind: KindDefinition = {
  ...own,
  kind: 'Schedule',
  description: 'Backups that are made again and again, and how many of them are kept.',
  plural: 'schedules',
  singular: 'schedule',
  shortNames: ['sched'],
  categories: ['all', 'aileron'],
  columns: [
    { name: 'Cron', type: 'string', jsonPath: '.spec.cron' },
    { name: 'Time-Zone', type: 'string', jsonPath: '.spec.timeZone' },
    { name: 'Suspend', type: 'boolean', jsonPath: '.spec.suspend' },
    { name: 'Last', type: 'date', jsonPath: '.status.lastScheduleTime', description: 'How long ago' },
    { name: 'Next', type: 'string', jsonPath: '.status.nextScheduleTime' },
    { name: 'Active', type: 'string', jsonPath: '.status.active', description: 'Backups that have not ended' },
    age,
    { name: 'Kept', type: 'integer', jsonPath: '.status.kept', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
  ],
  schema: {
    type: 'object',
    required: ['spec'],
    properties: { spec: scheduleSpecSchema, status: scheduleStatusSchema },
  },
};

export const eventKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Event',
  description: 'What happened to an object, in a sentence. Kept for a while.',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  categories: [],
  namespaced: true,
  statusSubresource: false,
  columns: [
    { name: 'Last Seen', type: 'date', jsonPath: '.lastTimestamp' },
    { name: 'Type', type: 'string', jsonPath: '.type' },
    { name: 'Reason', type: 'string', jsonPath: '.reason' },
    { name: 'Kind', type: 'string', jsonPath: '.involvedObject.kind' },
    { name: 'Object', type: 'string', jsonPath: '.involvedObject.name' },
    { name: 'Message', type: 'string', jsonPath: '.message' },
    { name: 'Name', type: 'string', jsonPath: '.metadata.name', priority: 1 },
    { name: 'Count', type: 'integer', jsonPath: '.count', priority: 1 },
    { name: 'First Seen', type: 'date', jsonPath: '.firstTimestamp', priority: 1 },
    { name: 'Source', type: 'string', jsonPath: '.source.component', priority: 1 },
  ],
  schema: eventSchema,
};

export const namespaceKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  description: 'Where Events are. There is one, default.',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  categories: [],
  namespaced: false,
  statusSubresource: false,
  readOnly: true,
  columns: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }, age],
  schema: namespaceSchema,
};

/** What refers to another object stands after its kind. */
export const kindDefinitions: readonly KindDefinition[] = [
  serverKind,
  backupKind,
  restoreKind,
  installationKind,
  scheduleKind,
  nodeKind,
  eventKind,
  namespaceKind,
];

export function findKind(kind: string): KindDefinition | undefined {
  return kindDefinitions.find((definition) => definition.kind === kind);
}

/** `aileron.dev/v1`, or `v1` for the core group. */
export function apiVersionOf({ group, version }: Pick<KindDefinition, 'group' | 'version'>): string {
  return group ? `${group}/${version}` : version;
}
