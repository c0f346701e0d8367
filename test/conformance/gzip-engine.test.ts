// Both engines of this repository against the suite that defines the interface.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseEngine } from '../../src/archive/gzip/choose-engine.ts';
import { zlibEngine } from '../../src/archive/gzip/zlib.ts';
import { isalIsThere } from '../support/isal.ts';
import { gzipEngineConformance } from './gzip-engine.ts';

gzipEngineConformance('zlib', async () => zlibEngine);

if (isalIsThere()) {
  gzipEngineConformance('ISA-L', async () => {
    const { IsalEngine } = await import('../../src/archive/gzip/isal.ts');
    return IsalEngine.load();
  });
}

test('a machine with ISA-L gets it, any other one zlib with the reason', async () => {
  const { engine, reason } = await chooseEngine();
  assert.equal(engine.name, isalIsThere() ? 'isal' : 'zlib');
  assert.equal(reason === undefined, isalIsThere());
});
