// Kind Node: this machine. There is no spec; the node controller writes everything in status.
import type { XStatic } from 'typebox/schema';
import type { Condition, ObjectMeta } from './object.ts';
import { conditionsSchema } from './schema-parts.ts';

export const nodeStatusSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    observedGeneration: { type: 'integer' },
    heartbeatAt: { type: 'string', format: 'date-time', description: 'Renewed every 60 s.' },
    capacity: {
      type: 'object',
      additionalProperties: false,
      properties: {
        cpus: { type: 'integer' },
        memoryBytes: { type: 'integer' },
        diskBytes: { type: 'integer', description: 'Of the file system that holds the servers.' },
        diskFreeBytes: { type: 'integer' },
      },
    },
    versions: {
      type: 'object',
      additionalProperties: false,
      properties: {
        aileron: { type: 'string' },
        node: { type: 'string' },
        kernel: { type: 'string' },
        os: { type: 'string' },
        architecture: { type: 'string' },
        docker: { type: 'string' },
        dockerApi: { type: 'string' },
        containerd: { type: 'string' },
        runc: { type: 'string' },
        cgroup: { type: 'string' },
      },
    },
    panel: {
      type: 'object',
      additionalProperties: false,
      required: ['servers', 'unlisted', 'refused'],
      description: 'What the Panel said last. Absent without a Panel.',
      properties: {
        listedAt: { type: 'string', format: 'date-time', description: 'When it listed all servers of this node.' },
        servers: { type: 'integer', description: 'How many.' },
        unlisted: { type: 'integer', description: 'Servers here that it does not list any more; they are kept.' },
        refused: { type: 'integer', description: 'Servers whose configuration could not be taken.' },
      },
    },
    conditions: conditionsSchema,
  },
} as const;

type StatusFields = XStatic<typeof nodeStatusSchema>;
export type NodeStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };

export interface Node {
  apiVersion: 'aileron.dev/v1';
  kind: 'Node';
  metadata: ObjectMeta;
  status?: NodeStatus;
  [field: string]: unknown;
}
