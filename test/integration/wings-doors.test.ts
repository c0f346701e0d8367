// What the node API says to who is nobody: paths that are none, heads that are too large, pages of other origins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherUuid } from '../support/api-door.ts';
import { anyUuid } from '../support/builders.ts';
import { aNode } from '../support/console-cases.ts';
import { panelOrigin } from '../support/console-node.ts';
import { httpCall } from '../support/http-call.ts';

test('paths that are none ask for the token first (covers: SEC-25, SEC-29)', async (t) => {
  const node = await aNode(t);
  const wrong = { ...node.bearer, authorization: `${node.bearer.authorization}x` };
  for (const path of ['/', '/api/nothing', `/api/servers/${anyUuid}/nothing`, `/api/servers/${otherUuid}/nothing`]) {
    const without = await httpCall(node.port, path);
    assert.equal(without.status, 401);
    assert.equal(without.body, '{"error":"The required authorization heads were not present in the request."}');
    assert.equal(without.headers['www-authenticate'], 'Bearer');
    assert.equal((await httpCall(node.port, path, { headers: { authorization: 'Basic eA==' } })).status, 401);
    assert.equal((await httpCall(node.port, path, { headers: { authorization: 'Bearer' } })).status, 401);
    const refusedAnswer = await httpCall(node.port, path, { headers: wrong });
    assert.equal(refusedAnswer.status, 403);
    assert.equal(refusedAnswer.body, '{"error":"You are not authorized to access this endpoint."}');
    const { status, body, headers } = await httpCall(node.port, path, { headers: node.bearer });
    assert.equal(status, 404);
    assert.equal(body, '404 page not found');
    assert.match(String(headers['content-type']), /^text\/plain/);
    assert.equal(headers['server'], undefined);
  }
});

test('a request with too much in its head is refused (covers: SEC-53)', async (t) => {
  const node = await aNode(t);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '1']));
  assert.equal((await httpCall(node.port, `/api/servers/${anyUuid}/ws`, { headers: many })).status, 400);
  assert.equal((await httpCall(node.port, '/', { headers: { 'x-large': 'x'.repeat(17 * 1024) } })).status, 431);
});

test('pages of the Panel may read answers, others are told of the Panel (covers: SEC-32)', async (t) => {
  const node = await aNode(t, { yaml: 'allowed_origins: [https://shop.example.com]\n' });
  const origin = async (from: string, method = 'GET') => {
    const { headers, status } = await httpCall(node.port, '/', { method, headers: { origin: from } });
    return [
      status,
      headers['access-control-allow-origin'],
      headers['access-control-allow-credentials'],
      headers['vary'],
    ];
  };
  assert.deepEqual(await origin(panelOrigin), [401, panelOrigin, 'true', 'Origin']);
  assert.deepEqual(await origin('https://shop.example.com'), [401, 'https://shop.example.com', 'true', 'Origin']);
  assert.deepEqual(await origin('https://evil.example.com'), [401, panelOrigin, 'true', 'Origin']);
  assert.deepEqual(await origin('null', 'OPTIONS'), [204, panelOrigin, 'true', 'Origin']);
  const open = await aNode(t, { yaml: "allowed_origins: ['*']\n" });
  const { headers } = await httpCall(open.port, '/', { headers: { origin: 'https://anywhere.example.com' } });
  assert.equal(headers['access-control-allow-origin'], '*');
  assert.equal(headers['access-control-allow-credentials'], undefined);
});
