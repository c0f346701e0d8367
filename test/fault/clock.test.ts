// One state under clocks that are wrong by more than a year, first ahead, then behind: the API has certificates that are
// valid by the daemon's own clock, servers start, crash and stop as ever, and a right clock afterwards finds all in order.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';

const library = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
const skip = library ? await needsDocker() : 'needs libfaketime';
const dayMs = 86_400_000;
const name = 'game';

test('clocks that are wrong by 400 days hinder neither the API nor a server', { skip, timeout: 120_000 }, async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.addRunning(name);
  const before = await node.docker.inspectContainer(uuid);
  await node.daemon.stop();

  let starts = 1;
  for (const days of [400, -400, 0]) {
    await node.start(days === 0 ? {} : { env: shifted(days), client: { ignoreTime: true } });
    const certificate = await served(node.daemon.kubePort);
    const now = Date.now() + days * dayMs;
    assert.ok(certificate.validFromDate.getTime() <= now, `${days} days: valid from ${certificate.validFrom}`);
    assert.ok(certificate.validToDate.getTime() > now, `${days} days: valid to ${certificate.validTo}`);

    if (days === 400) {
      const taken = await node.running(name);
      assert.deepEqual([taken.status?.containerId, taken.status?.startedAt], [before?.id, before?.startedAt]);
    } else {
      await node.api.powerAndFinish(name, 'start');
      await node.running(name);
      starts += 1;
    }
    await node.daemon.type(uuid, 'crash 3');
    const crashed = await node.api.until(
      name,
      'it was restarted',
      ({ status }) => status?.crashCount === 1 && status.state === 'running' && !status.operation,
    );
    starts += 1;
    assert.equal(Math.abs(Date.parse(crashed.status?.lastCrashAt ?? '') - now) < dayMs, true);
    await node.daemon.type(uuid, 'crash 4');
    await node.api.until(name, 'it gave up', ({ status }) => status?.crashCount === 2 && status.state === 'offline');
    await node.api.powerAndFinish(name, 'start');
    await node.running(name);
    starts += 1;
    const stopped = await node.api.powerAndFinish(name, 'stop');
    assert.equal(stopped.status?.exit?.code, 0);
    assert.equal(node.starts(uuid), starts);
    assert.equal(await node.daemon.stop(), 0);
  }
});

/** Only the wall clock: a monotonic clock does not jump. */
function shifted(days: number): Record<string, string> {
  const offset = `${days > 0 ? '+' : ''}${days}d`;
  return {
    LD_PRELOAD: library ?? '',
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
  };
}

/** The certificate of the API. */
function served(port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.end();
      resolve(new X509Certificate(raw));
    });
    socket.on('error', reject);
  });
}
