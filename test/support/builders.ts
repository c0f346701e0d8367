// Objects for tests: valid as they are, so that a test shows only the field that matters.
import type { Server, ServerSpec, ServerStatus } from '../../src/resources/server.ts';

export interface ServerParts {
  name?: string;
  spec?: Partial<ServerSpec>;
  status?: ServerStatus;
  metadata?: Partial<Server['metadata']>;
}

export const anyUuid = '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e';

export function aServer({ name = 'demo', spec = {}, status, metadata = {} }: ServerParts = {}): Server {
  return {
    apiVersion: 'aileron.dev/v1',
    kind: 'Server',
    metadata: {
      name,
      uid: 'uid-1',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['aileron.dev/server'],
      ...metadata,
    },
    spec: {
      uuid: anyUuid,
      nodeName: 'node-1',
      owner: { kind: 'User', ref: 'test' },
      image: '~test/game:1',
      imagePullPolicy: 'Always',
      invocation: './game',
      environment: {},
      containerLabels: {},
      limits: { memory: 128, swap: 0, disk: 0, cpu: 0, io: 500, oomKiller: true, memoryUnit: 'MiB' },
      allocations: { additional: [], forceOutgoingIp: false },
      mounts: [],
      egg: { done: ['Done'], stripAnsi: false, stop: { type: 'command', value: 'stop' } },
      suspended: false,
      power: { desired: 'Stopped' },
      reclaimPolicy: 'Retain',
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}
