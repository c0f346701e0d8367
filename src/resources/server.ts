// Kind Server: one game server on this node. One schema is the validation, the TypeScript type, the CRD and the
// OpenAPI document; docs/kinds/server.md lists the same fields.
import type { XStatic } from 'typebox/schema';
import type { Condition, ObjectMeta } from './object.ts';
import type { powerActions, serverSpecSchema } from './server-spec.ts';
import type { processStates, serverStatusSchema } from './server-status.ts';

/** Keeps a deleted server until its process and container are gone. */
export const serverFinalizer = 'aileron.dev/server';

export type ProcessState = (typeof processStates)[number];
export type PowerAction = (typeof powerActions)[number];
export type ServerSpec = XStatic<typeof serverSpecSchema>;
type StatusFields = XStatic<typeof serverStatusSchema>;
export type ServerStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };
export type ServerOperation = NonNullable<ServerStatus['operation']>;
export type ServerClaim = NonNullable<ServerStatus['claim']>;
export type ServerExit = NonNullable<ServerStatus['exit']>;

export interface Server {
  apiVersion: 'aileron.dev/v1';
  kind: 'Server';
  metadata: ObjectMeta;
  spec: ServerSpec;
  status?: ServerStatus;
  [field: string]: unknown;
}
