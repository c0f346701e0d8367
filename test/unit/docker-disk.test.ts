// What Docker keeps on disk, as the adapter reads it, and which images it asks Docker to remove.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { dockerStub, json } from '../support/docker-stub.ts';

test('disk usage counts images in use, layers once and the unshared part of the build cache', async (t) => {
  const stub = await dockerStub(t, (_request, response) =>
    json(response, {
      LayersSize: 500,
      Images: [{ Containers: 2 }, { Containers: 0 }, { Containers: -1 }],
      Containers: [{ SizeRootFs: 30 }, { SizeRootFs: 12 }, {}],
      BuildCache: [
        { Size: 7, Shared: false },
        { Size: 100, Shared: true },
      ],
    }),
  );
  assert.deepEqual(await createDockerEngine(stub.env).diskUsage(), {
    containersBytes: 42,
    images: 3,
    activeImages: 1,
    imagesBytes: 500,
    buildCacheBytes: 7,
  });
});

test('only images without a name are asked to be removed', async (t) => {
  const asked: string[] = [];
  const stub = await dockerStub(t, (request, response) => {
    asked.push(decodeURIComponent(`${request.method} ${request.url}`));
    json(response, { ImagesDeleted: [{ Untagged: 'a@sha256:1' }, { Deleted: 'sha256:2' }], SpaceReclaimed: 9 });
  });
  const docker = createDockerEngine(stub.env);
  assert.deepEqual(await docker.pruneImages(), {
    removed: [{ untagged: 'a@sha256:1' }, { deleted: 'sha256:2' }],
    reclaimedBytes: 9,
  });
  assert.match(asked.at(-1) ?? '', /^POST \/v[\d.]+\/images\/prune\?filters=\{"dangling":\["true"\]\}$/);
});

test('nothing to remove is nothing, not a mistake', async (t) => {
  const stub = await dockerStub(t, (_request, response) => json(response, { ImagesDeleted: null, SpaceReclaimed: 0 }));
  assert.deepEqual(await createDockerEngine(stub.env).pruneImages(), { removed: [], reclaimedBytes: 0 });
});
