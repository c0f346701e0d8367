// What the daemon loads at its start is memory for as long as it lives. Some imports that look harmless are dear, so a
// process of its own says whether one came back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from '../support/run-program.ts';

const main = new URL('../../src/main.ts', import.meta.url).href;

/** Prints what is loaded: files of CommonJS packages and builtin modules of Node.js. */
const script = `
import { createRequire } from 'node:module';
await import(${JSON.stringify(main)});
console.log([...Object.keys(createRequire(${JSON.stringify(main)}).cache), ...process.moduleLoadList].join('\\n'));
process.exit();
`;

test('the daemon starts without what it does not use', { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await runProgram(process.execPath, ['--input-type=module', '--eval', script]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /docker-modem/);
  for (const [dear, why] of [
    [/internal\/deps\/undici/, '8 MB: fetch, WebSocket, or node:http by an import (see src/docker/transport.ts)'],
    [/@peculiar|tsyringe/, '6 MB: only for making certificates (see src/http/kube/pki/make.ts)'],
  ] as const)
    assert.doesNotMatch(stdout, dear, why);
});
