// How tests of the console socket begin: a node with one server in the state that is needed, a reader that stands still,
// an upgrade that is refused.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type ConsoleClient, UpgradeRefused } from './console-client.ts';
import { ConsoleNode, type ConsoleNodeOptions } from './console-node.ts';

/** Without a limit on the lines of a process. */
export const unthrottled = 'throttles: { enabled: false }\n';

export async function aNode(t: TestContext, options: ConsoleNodeOptions = {}): Promise<ConsoleNode> {
  const node = await ConsoleNode.start(t, options);
  await node.add();
  return node;
}

export async function aRunningNode(t: TestContext, options: ConsoleNodeOptions = {}): Promise<ConsoleNode> {
  const node = await aNode(t, options);
  await node.moveTo('starting');
  await node.moveTo('running');
  return node;
}

/** It has stopped reading, and more than its connection holds waits for it. */
export async function aSlowReader(t: TestContext): Promise<{ node: ConsoleNode; slow: ConsoleClient }> {
  const node = await aRunningNode(t, { yaml: unthrottled });
  const slow = await node.login();
  slow.socket.pause();
  await printMany(node, 'x'.repeat(1_000), 20_000);
  node.print('the newest line');
  await new Promise((resolve) => setImmediate(resolve));
  return { node, slow };
}

/** Lets what was printed go out in between, as the pieces of a stream do. */
export async function printMany(node: ConsoleNode, line: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    node.print(line);
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function refused(attempt: Promise<unknown>): Promise<UpgradeRefused> {
  const error = await attempt.then(
    () => assert.fail('the upgrade was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UpgradeRefused, String(error));
  return error;
}

/** The text as a socket is told it: with the id under which the log has more. */
export function wrappedIn(text: string): RegExp {
  return new RegExp(`^Error Event \\[[0-9a-f-]{36}\\]: ${text.replace(/[()]/g, '\\$&')}$`);
}
