// What a process in a container reaches over the network of the node: the node's own doors at the gateway treat it like
// anybody else, the doors for operators are not there, and other servers are there only while the settings say so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeNetworkBody, withoutAddressing } from '../../src/containers/networks.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { aConfig } from '../support/a-config.ts';
import { needsDocker, ownLabel, request, testBody, testImage, uniqueName } from '../support/docker.ts';
import { httpCall } from '../support/http-call.ts';
import { LiveNode } from '../support/live-node.ts';
import { newestFirst, type Owner } from '../support/owner.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const docker = createDockerEngine(process.env);

test(
  'from a container the API of the node wants its token, and no other door is there (covers: SEC-88)',
  options,
  async (t) => {
    const owner = newestFirst(t);
    const { name, gateway } = await network(owner, true);
    const node = await LiveNode.make(owner, {
      change: (config) => ({
        ...config,
        // As a node has it that its Panel reaches; the other two doors listen where they do by default.
        api: { ...config.api, host: '0.0.0.0' },
        docker: {
          ...config.docker,
          network: { ...config.docker.network, name, networkMode: name, interface: gateway },
        },
      }),
    });
    const { nodePort, kubePort, opsPort } = await node.start();
    const { secret } = node.config.token;
    const path = '/api/system';
    // All three answer to who is on the node itself.
    const bearer = { authorization: `Bearer ${secret}` };
    assert.equal((await httpCall(nodePort, path, { headers: bearer })).status, 200);
    assert.equal((await httpCall(opsPort, '/metrics')).status, 200);
    assert.ok(await node.api.list('nodes'));

    /** Prints the first line of the answer. The sending side stays open: a half-closed connection ends the request. */
    const ask = (what: string, port: number, url: string, ...headers: string[]) => {
      const head = [`GET ${url} HTTP/1.1`, `Host: ${gateway}`, 'Connection: close', ...headers];
      return [
        `busybox mkfifo /tmp/${what}; exec 3<>/tmp/${what}`,
        `printf '${head.join('\\r\\n')}\\r\\n\\r\\n' >&3`,
        `echo "${what}: $(nc -w 30 ${gateway} ${port} <&3 2>&1 | head -n 1)"`,
      ].join('; ');
    };
    const invocation = [
      ask('nobody', nodePort, path),
      ask(
        'forwarded',
        nodePort,
        path,
        'X-Forwarded-For: 127.0.0.1',
        'X-Real-IP: 127.0.0.1',
        'Forwarded: for=127.0.0.1',
      ),
      ask('guessing', nodePort, path, 'Authorization: Bearer guess'),
      ask('owner', nodePort, path, `Authorization: Bearer ${secret}`),
      ask('metrics', opsPort, '/metrics'),
      ask('health', opsPort, '/healthz'),
      ask('kube', kubePort, '/version'),
      'echo Done; read -r line',
    ].join('; ');
    const uuid = await node.add('inside', { invocation, power: { desired: 'Running' } });
    await node.daemon.untilLine(uuid, 'Done', 90_000);
    const said = (what: string) =>
      node.daemon
        .lines(uuid)
        .find((line) => line.startsWith(`${what}: `))
        ?.slice(what.length + 2);
    for (const what of ['nobody', 'forwarded', 'guessing']) assert.match(said(what) ?? '', /^HTTP\/1\.1 40[13] /, what);
    assert.match(said('nobody') ?? '', / 401 /);
    assert.match(said('owner') ?? '', /^HTTP\/1\.1 200 /);
    for (const what of ['metrics', 'health', 'kube']) assert.match(said(what) ?? '', /refused/, what);
  },
);

for (const enableIcc of [true, false]) {
  test(
    `with enable_icc ${enableIcc} servers ${enableIcc ? 'reach' : 'do not reach'} each other, and both reach the gateway (covers: SEC-88)`,
    options,
    async (t) => {
      const owner = newestFirst(t);
      const { name, gateway } = await network(owner, enableIcc);
      const labels = ownLabel(owner, docker);
      const run = async (startup: string) => {
        const body = testBody(await testImage(), startup, { Labels: labels }, { NetworkMode: name });
        const { id } = await docker.createContainer(uniqueName(), body);
        await docker.startContainer(id);
        return id;
      };
      const listening = await run('while true; do echo hello | nc -l -p 4000; done');
      const address = await addressOf(listening, name);
      const tries = `for i in 1 2 3; do nc -w 2 ${address} 4000 < /dev/null && break; sleep 0.5; done`;
      const asking = await run(`${tries}; echo; nc -w 30 ${gateway} 1 < /dev/null; echo end`);
      const text = await until('it has asked', patienceMs, async () => {
        const printed = (await docker.containerLogs(asking, { tty: true })).toString();
        return printed.includes('end') && printed;
      });
      assert.equal(text.includes('hello'), enableIcc, text);
      assert.match(text, /refused/, 'the gateway answers, if only to say no');
    },
  );
}

/** The node's own, but for its name, that of its bridge, and its addresses: two nodes cannot have the same. */
async function network(owner: Owner, enableIcc: boolean): Promise<{ name: string; gateway: string }> {
  const name = uniqueName('net');
  const config = aConfig('pelican', `docker: {network: {name: ${name}, IPv6: false, enable_icc: ${enableIcc}}}`);
  const body = withoutAddressing(nodeNetworkBody(config));
  const Options = { ...body.Options, 'com.docker.network.bridge.name': `t${name.slice(-12)}` };
  const { id } = await docker.createNetwork({ ...body, Options });
  owner.after(() => docker.removeNetwork(id));
  return { name, gateway: (await docker.inspectNetwork(id))?.subnets[0]?.gateway ?? '' };
}

async function addressOf(id: string, network: string): Promise<string> {
  const inspected = JSON.parse(await request(process.env, 'GET', `/containers/${id}/json`)) as {
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  };
  const { IPAddress } = inspected.NetworkSettings.Networks[network] ?? { IPAddress: '' };
  assert.notEqual(IPAddress, '');
  return IPAddress;
}
