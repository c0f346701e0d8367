// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of start commands are the subject
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flavour } from '../../../src/config/config.ts';
import { isTimezone } from '../../../src/config/timezone.ts';
import { environmentOf, fillPlaceholders } from '../../../src/containers/environment.ts';
import { UnbuildableError } from '../../../src/containers/unbuildable.ts';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { aConfig } from '../../support/a-config.ts';
import { aServer } from '../../support/builders.ts';

function environment(spec: Partial<ServerSpec>, flavour: Flavour = 'pelican', yaml = '') {
  return environmentOf({ server: aServer({ spec }), config: aConfig(flavour, yaml), isTimezone });
}

const allocations = (ip: string, port: number) => ({ default: { ip, port }, additional: [], forceOutgoingIp: false });

test('the five names of the node come first, then the variables in their order', () => {
  const { env, warnings } = environment({
    invocation: './game',
    environment: { ZEBRA: 'z', alpha: 'a', P_SERVER_UUID: 'u' },
    allocations: allocations('203.0.113.10', 25565),
  });
  assert.deepEqual(env, [
    'TZ=UTC',
    'STARTUP=./game',
    'SERVER_MEMORY=128',
    'SERVER_IP=203.0.113.10',
    'SERVER_PORT=25565',
    'ZEBRA=z',
    'ALPHA=a',
    'P_SERVER_UUID=u',
  ]);
  assert.deepEqual(warnings, []);
});

test('a variable cannot replace a name of the node', () => {
  const { env } = environment({ environment: { STARTUP: 'evil', server_port: '1', tz: 'Europe/Berlin' } });
  assert.equal(env.length, 5);
  assert.ok(env.includes('STARTUP=./game'));
});

test('a name that no environment can hold is left out and told', () => {
  const { env, warnings } = environment({ environment: { '': 'x', 'STARTUP=x': 'y' } });
  assert.equal(env.length, 5);
  assert.equal(warnings.length, 2);
  assert.match(warnings[1]!, /"STARTUP=x"/);
});

for (const [title, variables] of [
  ['last', { foo: 'lower', FOO: 'upper' }],
  ['first', { FOO: 'upper', foo: 'lower' }],
] as const) {
  test(`of foo and FOO the exact name wins when it stands ${title}`, () => {
    const { env } = environment({ environment: variables });
    assert.deepEqual(env.slice(5), ['FOO=upper']);
  });
}

for (const [value, text] of [
  ['text as it is', 'text as it is'],
  ['a\nb "c" $(touch /canary)', 'a\nb "c" $(touch /canary)'],
  [true, 'true'],
  [false, 'false'],
  [5, '5'],
  [0, '0'],
  [-3, '-3'],
  [1.5, '1.5'],
  [0.1, '0.1'],
  [1_000_000, '1000000'],
  [1e21, '1000000000000000000000'],
  [1.25e22, '12500000000000000000000'],
  [1.5e-7, '0.00000015'],
  [-1e-7, '-0.0000001'],
  [null, ''],
] as const) {
  test(`the value ${JSON.stringify(value)} is passed as data (covers: SEC-84)`, () => {
    const { env, warnings } = environment({ environment: { NAME: value } });
    assert.equal(env.at(-1), `NAME=${text}`);
    assert.equal(warnings.length, value === null ? 1 : 0);
  });
}

test('a NUL byte is refused by the name of its variable (covers: SEC-84)', () => {
  assert.throws(
    () => environment({ environment: { MOTD: 'a\0b' } }),
    (error: unknown) => {
      assert.ok(error instanceof UnbuildableError);
      assert.match(error.message, /MOTD.*NUL/);
      return true;
    },
  );
  assert.throws(() => environment({ invocation: 'a\0b' }), /STARTUP/);
});

for (const [flavour, ip, port, expected] of [
  ['pelican', '127.0.0.1', 25565, '172.18.0.1'],
  ['pelican', '127.0.0.1', 0, '127.0.0.1'],
  ['pterodactyl', '127.0.0.1', 25565, '172.18.0.1'],
  ['pterodactyl', '127.0.0.1', 0, '172.18.0.1'],
  ['pelican', '127.0.0.2', 25565, '127.0.0.2'],
] as const) {
  test(`${flavour}: the address ${ip}:${port} is ${expected} to the process`, () => {
    const { env } = environment({ allocations: allocations(ip, port) }, flavour);
    assert.equal(env[3], `SERVER_IP=${expected}`);
    assert.equal(env[4], `SERVER_PORT=${port}`);
  });
}

test('a server without allocation has the loopback address and no port', () => {
  assert.deepEqual(environment({}).env.slice(3, 5), ['SERVER_IP=127.0.0.1', 'SERVER_PORT=0']);
});

for (const [flavour, zone, expected] of [
  ['pelican', 'Europe/Berlin', 'Europe/Berlin'],
  ['pelican', 'Europe/Nowhere', 'America/Port-au-Prince'],
  ['pelican', '', 'America/Port-au-Prince'],
  ['pelican', 5, 'America/Port-au-Prince'],
  ['pterodactyl', 'Europe/Berlin', 'America/Port-au-Prince'],
] as const) {
  test(`${flavour}: SERVER_TIMEZONE ${JSON.stringify(zone)} makes TZ ${expected}`, () => {
    const yaml = 'system: {timezone: America/Port-au-Prince}';
    const { env } = environment({ environment: { SERVER_TIMEZONE: zone } }, flavour, yaml);
    assert.equal(env[0], `TZ=${expected}`);
  });
}

test('Pterodactyl: the start command passes untouched', () => {
  const invocation = 'java -jar {{JAR}} ${JAR} [[{{JAR}}]]';
  const { env } = environment({ invocation, environment: { JAR: 'x' } }, 'pterodactyl');
  assert.equal(env[1], `STARTUP=${invocation}`);
});

for (const [invocation, expected] of [
  ['java -Xmx{{SERVER_MEMORY}}M -jar {{JAR}}', 'java -Xmx128M -jar server.jar'],
  ['${JAR} {{JAR}}', 'server.jar server.jar'],
  ['{{UNKNOWN}} ${ALSO}', '${UNKNOWN} ${ALSO}'],
  ['{{jar}}', '${jar}'],
  ['[[{{JAR}}]] {{JAR}}', '[[${JAR}]] server.jar'],
  ['[[{{JAR}} {{JAR}}', '[[server.jar server.jar'],
  ['{{NEST}}', '${JAR} {{JAR}}'],
  ['{{NUM}} {{HALF}} {{BIG}} {{NONE}}.', '5 1.5 1000000 .'],
  ['{{SERVER_IP}}:{{SERVER_PORT}}', '127.0.0.1:25565'],
  ['{{toString}} {{__proto__}}', '${toString} ${__proto__}'],
  ['$& {{DOLLAR}}', '$& $& $1 $$'],
] as const) {
  test(`Pelican: the start command ${invocation} becomes ${expected}`, () => {
    const { env } = environment({
      invocation,
      environment: {
        JAR: 'server.jar',
        NEST: '${JAR} {{JAR}}',
        NUM: 5,
        HALF: 1.5,
        BIG: 1_000_000,
        NONE: null,
        DOLLAR: '$& $1 $$',
        SERVER_PORT: 'not this',
      },
      allocations: allocations('127.0.0.1', 25565),
    });
    assert.equal(env[1], `STARTUP=${expected}`);
  });
}

test('a start command made to be slow is filled in linear time', () => {
  const startedAt = performance.now();
  for (const part of ['[[', '${', '[[]', '{{', '${{']) fillPlaceholders(part.repeat(100_000), new Map());
  assert.ok(performance.now() - startedAt < 1_000);
});
