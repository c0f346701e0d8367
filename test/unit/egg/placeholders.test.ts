// What the daemon puts in place of `{{…}}`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveFileName, resolvePlaceholders } from '../../../src/egg/placeholders.ts';
import { eggContext } from '../../support/egg.ts';

const resolved = (text: string) => resolvePlaceholders(text, 'json', eggContext);

test('two names of the daemon, three left-overs of the server, and no other (covers: SEC-92)', () => {
  for (const [text, expected] of [
    ['{{config.docker.interface}}', '172.18.0.1'],
    ['{{ config.docker.network.interface }}:{{server.build.default.port}}', '172.18.0.1:25565'],
    ['{{config.Docker.Interface}}', '172.18.0.1'],
    ['{{server.build.default.ip}} {{server.build.memory}}', '10.1.2.3 2048'],
    ['{{  config.docker.interface}}', '{{  config.docker.interface}}'],
    ['{{config.token}}', '{{config.token}}'],
    ['{{config.docker}}', '{{config.docker}}'],
    ['{{config.docker.interface.x}}', '{{config.docker.interface.x}}'],
    ['{{server.build.env.X}}', '{{server.build.env.X}}'],
    ['{{NAME}} $1 {config.docker.interface}', '{{NAME}} $1 {config.docker.interface}'],
  ] as const) {
    assert.equal(resolved(text), expected);
  }
});

test('what was put in is not looked at again (covers: SEC-92)', () => {
  const context = { ...eggContext, dockerInterface: '{{server.build.memory}}' };
  assert.equal(resolvePlaceholders('{{config.docker.interface}}', 'json', context), '{{server.build.memory}}');
  assert.equal(resolved('{{config.{{config.docker.interface}}}}'), '{{config.172.18.0.1}}');
});

test('without an allocation its placeholders stay', () => {
  const { defaultAllocation: _, ...context } = eggContext;
  assert.equal(resolvePlaceholders('{{server.build.default.port}}', 'json', context), '{{server.build.default.port}}');
});

test('file names hold variables of the server', () => {
  const environment = { A: 'x', N: 5, T: true, L: ['y'] };
  const dollar = (name: string) => `$\{${name}}`;
  assert.equal(resolveFileName(`{{A}}/${dollar('N')}-{{T}}.cfg`, environment), 'x/5-true.cfg');
  assert.equal(
    resolveFileName('{{a}}/{{L}}/{{toString}}', environment),
    `${dollar('a')}/${dollar('L')}/${dollar('toString')}`,
  );
  assert.equal(resolveFileName('{{A}}', { A: '{{B}}', B: 'z' }), '{{B}}');
});
