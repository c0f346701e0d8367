// What Docker keeps on disk, and the one way to have less of it: images that nobody can name any more.
import type { Connection } from './connection.ts';
import type { DiskUsage, PrunedImages } from './engine.ts';
import { list, number, object, text } from './json.ts';

export async function readDiskUsage(connection: Connection): Promise<DiskUsage> {
  const usage = object(await connection.json({ method: 'GET', path: '/system/df' }));
  const images = list(usage.Images).map(object);
  return {
    containersBytes: sum(list(usage.Containers).map((container) => number(object(container).SizeRootFs))),
    images: images.length,
    activeImages: images.filter((image) => number(image.Containers) > 0).length,
    imagesBytes: number(usage.LayersSize),
    buildCacheBytes: sum(
      list(usage.BuildCache)
        .map(object)
        .filter((entry) => entry.Shared !== true)
        .map((entry) => number(entry.Size)),
    ),
  };
}

export async function pruneImages(connection: Connection): Promise<PrunedImages> {
  const filters = JSON.stringify({ dangling: ['true'] });
  const answer = object(await connection.json({ method: 'POST', path: '/images/prune', query: { filters } }));
  return {
    removed: list(answer.ImagesDeleted)
      .map(object)
      .map((one) => (one.Untagged === undefined ? { deleted: text(one.Deleted) } : { untagged: text(one.Untagged) })),
    reclaimedBytes: number(answer.SpaceReclaimed),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
