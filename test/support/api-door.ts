// The node API for one test, spoken to as the Panel does.
import type { TestContext } from 'node:test';
import { anyUuid } from './builders.ts';
import { ConsoleNode, type ConsoleNodeOptions, panelOrigin } from './console-node.ts';
import { type Answer, type Call, httpCall } from './http-call.ts';

export interface ApiDoor {
  node: ConsoleNode;
  /** With the node's token. */
  ask(path: string, call?: Call): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
}

export const otherUuid = '5c1d9a7e-1b2c-4d3e-8f4a-5b6c7d8e9f00';

/** A path of one server. */
export function of(path: string, uuid = anyUuid): string {
  return `/api/servers/${uuid}${path}`;
}

export const panelOwner = { kind: 'Panel', ref: panelOrigin } as const;

/** With one server, which is the Panel's. */
export async function apiDoor(t: Pick<TestContext, 'after'>, options: ConsoleNodeOptions = {}): Promise<ApiDoor> {
  const node = await ConsoleNode.start(t, options);
  await node.add();
  await node.change({ spec: { owner: panelOwner } });
  const ask = (path: string, { headers, ...call }: Call = {}) =>
    httpCall(node.port, path, { ...call, headers: { ...node.bearer, ...headers } });
  return {
    node,
    ask,
    post: (path, body) => ask(path, { method: 'POST', body }),
    delete: (path) => ask(path, { method: 'DELETE' }),
  };
}
