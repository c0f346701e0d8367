// What somebody on a console is told who asks for a power action while the server is restored.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PowerRequests } from '../../src/http/wings/power-requests.ts';
import { explain } from '../../src/http/wings/socket-errors.ts';
import { PowerConflictError } from '../../src/resources/errors.ts';
import { powerBusyText } from '../../src/resources/power.ts';
import type { PowerAction, Server } from '../../src/resources/server.ts';
import { powerActions } from '../../src/resources/server-spec.ts';
import { anyUuid, aServer } from '../support/builders.ts';

interface Asked {
  writes: boolean[];
  error: unknown;
}

async function ask(action: PowerAction, kind: 'Restore' | 'Backup' | 'Installation', refusal?: Error): Promise<Asked> {
  const claim = { kind, name: 'r', uid: 'u', since: '2026-01-01T00:00:00Z' } as const;
  const server: Server = aServer({ status: { state: 'running', claim } });
  const writes: boolean[] = [];
  const power = new PowerRequests({
    admission: {
      async patch(_kind, _name, _patch, { dryRun }) {
        writes.push(dryRun);
        if (refusal) throw refusal;
        const spec = { ...server.spec, power: { ...server.spec.power, request: { id: 'r1', action } } };
        return { ...server, spec, status: { power: { finishedRequest: 'r1', outcome: 'Succeeded' } } };
      },
    },
    servers: { synced: async () => {}, byUuid: () => server, list: () => [server], onChange: () => () => {} },
    state: () => 'running',
  });
  const asked = power.perform(anyUuid, action, 'console:test').then(
    () => undefined,
    (error: unknown) => error,
  );
  await new Promise((resolve) => setImmediate(resolve));
  power.close();
  return { writes, error: await asked };
}

describe('a power action from a console', () => {
  for (const action of powerActions) {
    test(`${action} is refused while the server is restored, in the words of the protocol (backups 15.13)`, async () => {
      const { writes, error } = await ask(action, 'Restore');
      // Nothing was written.
      assert.deepEqual(writes, [true]);
      assert.equal(explain(error, true).shown, 'server is currently being restored');
      assert.equal(explain(error, false).shown, 'an unexpected error was encountered while handling this request');
    });
  }

  test('every action is refused while the server is installed', async () => {
    for (const action of powerActions) {
      const { writes, error } = await ask(action, 'Installation');
      assert.deepEqual(writes, [true]);
      assert.equal(explain(error, true).shown, 'server is currently installing');
    }
  });

  test('another action under way is the better reason', async () => {
    const { error } = await ask('stop', 'Restore', new PowerConflictError(powerBusyText));
    assert.equal(explain(error, false).shown, powerBusyText);
  });

  test('a backup hinders no stop', async () => {
    const { writes, error } = await ask('stop', 'Backup');
    assert.deepEqual([writes, error], [[false], undefined]);
  });
});
