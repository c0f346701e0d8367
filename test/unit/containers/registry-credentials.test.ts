import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsFor } from '../../../src/containers/registry-credentials.ts';

const account = (username: string) => ({ username, password: `${username}'s` });

const registries = {
  'https://ghcr.io/v2/': account('ghcr'),
  'ghcr.io/games': account('games'),
  'ghcr.io/games/private/': account('private'),
  'registry.example.com': account('example'),
  'registry.example.com:5000': account('port'),
  'https://index.docker.io/v1/': account('docker'),
  team: account('team'),
  localhost: account('local'),
  '': account('nobody'),
  '/': account('nobody'),
};

for (const [image, username] of [
  ['ghcr.io/other/game:1', 'ghcr'],
  ['~ghcr.io/other/game:1', 'ghcr'],
  ['GHCR.io/other/game:1', 'ghcr'],
  ['ghcr.io/games/game', 'games'],
  ['ghcr.io/games-evil/game', 'ghcr'],
  ['ghcr.io/games/private/game', 'private'],
  ['ghcr.io/games/private', 'private'],
  ['ghcr.io/games/private2', 'games'],
  [`registry.example.com/x@sha256:${'a'.repeat(64)}`, 'example'],
  ['registry.example.com:5000/x', 'port'],
  ['registry.example.com:5001/x', undefined],
  ['registry.example.com.evil.tld/x', undefined],
  ['registry.example.com@evil/x', undefined],
  ['registry.example.com:pass@evil.tld/x', undefined],
  ['evil.tld/registry.example.com/x', undefined],
  ['sub.registry.example.com/x', undefined],
  ['nginx', 'docker'],
  ['library/nginx', 'docker'],
  ['docker.io/some/game', 'docker'],
  ['index.docker.io/some/game', 'docker'],
  ['team/game', 'team'],
  ['team2/game', 'docker'],
  ['localhost/game', 'local'],
  ['-v/:/x', undefined],
  ['', undefined],
] as const) {
  test(`credentials for ${image}: ${username ?? 'none'} (covers: SEC-86)`, () => {
    assert.deepEqual(credentialsFor(image, registries), username === undefined ? undefined : account(username));
  });
}

test('without registries there are no credentials', () => {
  assert.equal(credentialsFor('ghcr.io/x/y', {}), undefined);
});
