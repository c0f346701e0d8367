import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandBytes, stopActionOf } from '../../controllers/server/stop-rule.ts';

const signals: Record<string, string> = {
  C: 'SIGINT',
  c: 'SIGINT',
  '^C': 'SIGINT',
  '^c': 'SIGINT',
  SIGINT: 'SIGINT',
  INT: 'SIGINT',
  sigint: 'SIGINT',
  SIGTERM: 'SIGTERM',
  TERM: 'SIGTERM',
  SIGABRT: 'SIGABRT',
  SIGQUIT: 'SIGQUIT',
  hup: 'SIGHUP',
  SIGUSR1: 'SIGUSR1',
  'SIGRTMIN+3': 'SIGRTMIN+3',
  'RTMAX-14': 'SIGRTMAX-14',
  'RTMIN+16': 'SIGKILL',
  SIGKILL: 'SIGKILL',
  '': 'SIGKILL',
  SIG: 'SIGKILL',
  SIGSIGINT: 'SIGKILL',
  '^X': 'SIGKILL',
  interrupt: 'SIGKILL',
  '9; rm -rf /': 'SIGKILL',
};

test('a signal of a stop rule is the one it names, and SIGKILL where nobody knows it (containers 24.3)', () => {
  for (const [value, signal] of Object.entries(signals)) {
    assert.deepEqual(stopActionOf({ type: 'signal', value }), { kind: 'signal', signal }, value);
  }
});

test('a rule without a type is a signal', () => {
  assert.deepEqual(stopActionOf({ type: '', value: 'SIGTERM' }), { kind: 'signal', signal: 'SIGTERM' });
});

test('a command is typed and a stop is left to Docker', () => {
  assert.deepEqual(stopActionOf({ type: 'command', value: 'save-all stop' }), {
    kind: 'command',
    line: 'save-all stop',
  });
  assert.deepEqual(stopActionOf({ type: 'stop', value: '' }), { kind: 'stop' });
});

test('a command ends with Enter and cannot detach the console', () => {
  assert.deepEqual(commandBytes('say hé'), Buffer.from('say hé\n'));
  assert.deepEqual(commandBytes('\x10\x11st\x10op\x11'), Buffer.from('stop\n'));
  assert.deepEqual(commandBytes('\x03\x04'), Buffer.from('\x03\x04\n'), "other control keys are the game's");
});
