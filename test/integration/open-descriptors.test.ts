// What a daemon holds open after consoles, backups, restores, downloads and watches is what it held before, however they ended.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { httpCall } from '../support/http-call.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import { backedUp, createRestore, deleteOperation, restoreEnded } from '../support/operations.ts';
import { newestFirst } from '../support/owner.ts';
import { signedToken } from '../support/signed-token.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 180_000 };

test('descriptors are as many after a load as before it (covers: SEC-121)', options, async (t) => {
  const node = await LiveNode.make(newestFirst(t), {
    aileron: { diskReserve: { percent: 0, mebibytes: 0 } },
    change: (config) => ({ ...config, aileron: { ...config.aileron, downloadLinkUses: 100 } }),
  });
  const { pid, nodePort, opsPort } = await node.start();
  const { api } = node;
  const uuid = await node.addRunning('demo');
  writeFileSync(join(node.volume(uuid), 'world'), randomBytes(4_000_000));
  const token = await consoleToken(node.config, uuid);

  /** Reads a little of the archive, if anything, and is gone. */
  const download = async (backup: string, bytes: number) => {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iat, exp: iat + 900, jti: 'x', server_uuid: uuid, user_uuid: randomUUID(), backup_uuid: backup };
    const link = signedToken({ ...claims, unique_id: randomUUID() }, node.config.token.secret);
    const socket = connect(nodePort, '127.0.0.1');
    const request = `GET /download/backup?token=${link} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    // Whoever reads nothing is gone while the archive is opened.
    await new Promise((resolve) => socket.write(request, resolve));
    let read = 0;
    if (bytes > 0) {
      for await (const chunk of socket) {
        read += (chunk as Buffer).length;
        if (read >= bytes) break;
      }
    }
    socket.destroy();
    return read;
  };
  const round = async (number: number, consoles: number, downloads: number) => {
    const backup = await backedUp(api, 'demo', `backup-${number}`);
    const sockets = Array.from({ length: consoles }, async (_, index) => {
      const client = await openConsole({ after: () => {} }, nodePort, uuid);
      if (index % 5 !== 4) await client.authenticate(token);
      else {
        client.send('auth', 'no token');
        await client.until('it is refused', () => client.messages.length > 0);
      }
      if (index % 2 === 0) client.socket.terminate();
      else client.socket.close();
      await client.untilClosed();
    });
    const loads = Array.from({ length: downloads }, (_, index) =>
      download(backup.spec.uuid ?? '', index % 4 === 0 ? 0 : index * 1_000),
    );
    await Promise.all([...sockets, ...loads]);
    await createRestore(api, 'demo', `restore-${number}`, { backup: `backup-${number}` });
    assert.equal((await restoreEnded(api, `restore-${number}`)).status?.phase, 'Completed');
    await deleteOperation(api, 'backups', `backup-${number}`);
    await api.powerAndFinish('demo', 'start');
    await node.running('demo');
    const refused = await httpCall(nodePort, '/download/backup?token=none', {});
    assert.ok(refused.status >= 400);
  };
  const held = () => readdirSync(`/proc/${pid}/fd`).length;
  await round(1, 5, 4);
  // With what lingers for some seconds, such as connections that are kept alive: few beside what one kind of leak would add.
  const before = held();
  for (let number = 2; number <= 4; number += 1) await round(number, 20, 24);
  await until(`as few as before, ${before}`, 60_000, async () => held() <= before + 2);

  const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
  const gauge = Number(/^process_open_fds (\d+)$/m.exec(metrics)?.[1]);
  assert.ok(Math.abs(gauge - held()) <= 8, `${gauge} told, ${held()} held`);
});
