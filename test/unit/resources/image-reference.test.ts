import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ImageReference,
  ImageReferenceError,
  parseImageReference,
} from '../../../src/resources/image-reference.ts';

const hex = '0123456789abcdef'.repeat(4);
const sha256 = `sha256:${hex}`;

const references: [text: string, expected: ImageReference][] = [
  ['alpine', { domain: 'docker.io', path: 'library/alpine', tag: 'latest' }],
  ['alpine:3.20', { domain: 'docker.io', path: 'library/alpine', tag: '3.20' }],
  ['user/game', { domain: 'docker.io', path: 'user/game', tag: 'latest' }],
  ['docker.io/alpine', { domain: 'docker.io', path: 'library/alpine', tag: 'latest' }],
  ['docker.io/library/alpine', { domain: 'docker.io', path: 'library/alpine', tag: 'latest' }],
  ['index.docker.io/user/game:1', { domain: 'docker.io', path: 'user/game', tag: '1' }],
  ['ghcr.io/pelican-eggs/yolks:java_21', { domain: 'ghcr.io', path: 'pelican-eggs/yolks', tag: 'java_21' }],
  ['localhost/game', { domain: 'localhost', path: 'game', tag: 'latest' }],
  ['localhost:5000/game', { domain: 'localhost:5000', path: 'game', tag: 'latest' }],
  ['registry:5000/a/b/c:Tag_1.x-y', { domain: 'registry:5000', path: 'a/b/c', tag: 'Tag_1.x-y' }],
  ['REGISTRY/game', { domain: 'REGISTRY', path: 'game', tag: 'latest' }],
  ['192.0.2.1:5000/game', { domain: '192.0.2.1:5000', path: 'game', tag: 'latest' }],
  ['[2001:db8::1]:5000/game:1', { domain: '[2001:db8::1]:5000', path: 'game', tag: '1' }],
  [`game@${sha256}`, { domain: 'docker.io', path: 'library/game', digest: sha256 }],
  [`r.example/game:1@${sha256}`, { domain: 'r.example', path: 'game', tag: '1', digest: sha256 }],
  [`game@sha512:${hex}${hex}`, { domain: 'docker.io', path: 'library/game', digest: `sha512:${hex}${hex}` }],
  ['a__b/c.d-e--f', { domain: 'docker.io', path: 'a__b/c.d-e--f', tag: 'latest' }],
  // Looks like a registry with a port, and is a name with a tag.
  ['registry:5000', { domain: 'docker.io', path: 'library/registry', tag: '5000' }],
  // Not the registry it begins like.
  ['ghcr.io.evil.example/x', { domain: 'ghcr.io.evil.example', path: 'x', tag: 'latest' }],
  ['docker.io.evil.example/x', { domain: 'docker.io.evil.example', path: 'x', tag: 'latest' }],
  ['ghcrio/x', { domain: 'docker.io', path: 'ghcrio/x', tag: 'latest' }],
];

describe('an image reference is read as Docker reads it:', () => {
  for (const [text, expected] of references) {
    test(text, () => assert.deepEqual(parseImageReference(text), expected));
  }
});

const refused = [
  '',
  ' ',
  '/',
  'a/',
  '/a',
  'a//b',
  'a:',
  ':a',
  'a:b:c',
  `a:${'x'.repeat(129)}`,
  'a:-b',
  'a b',
  'a\nb',
  'a\n',
  'a\0',
  'é',
  'Alpine',
  'user/Game',
  'a..b',
  'a___b',
  '_a',
  'a_',
  '.',
  '..',
  '../a',
  '-v/:/x',
  '--name=x',
  'https://r.example/a',
  'registry.example.com@evil/x',
  'user:pass@r.example/a',
  'r.example:port/a',
  'r.example:123456/a',
  '-r.example/a',
  'r-.example/a',
  `a@${sha256}@${sha256}`,
  'a@',
  '@',
  `@${sha256}`,
  'a@sha256:0123',
  `a@sha256:${hex.toUpperCase()}`,
  `a@md5:${hex}`,
  hex,
  `r.example/${'a'.repeat(250)}`,
  'a'.repeat(5 * 1024),
  `${'a/'.repeat(100_000)}a`,
];

describe('what is no image reference is refused (covers: SEC-85):', () => {
  for (const text of refused) {
    test(JSON.stringify(text.slice(0, 40)), () => assert.throws(() => parseImageReference(text), ImageReferenceError));
  }
});
