// Watches: where they begin, what they tell, how they end.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kube, type OpenWatch, openKube, serverManifest, serversPath } from '../support/kube.ts';

let kube: Kube;
afterEach(() => kube.close());

const add = (name: string, labels: Record<string, string> = {}) =>
  kube.call('POST', serversPath, { body: serverManifest(name, {}, { labels }) });
const label = (name: string, labels: Record<string, string | null>) =>
  kube.store.patch('Server', name, { metadata: { labels } });
const remove = async (name: string) => {
  await kube.store.patch('Server', name, { metadata: { finalizers: null } });
  return kube.store.delete('Server', name);
};
const revision = async () => (await kube.store.list('Server')).resourceVersion;
const told = async (watch: OpenWatch) => {
  const line = await watch.next();
  return line && `${line.type} ${line.object.metadata?.name ?? ''}`.trim();
};

test('begins with what is there, then tells each change in order', async () => {
  kube = await openKube();
  await add('one');
  const watch = await kube.watch(`${serversPath}?watch=true`);
  assert.equal(await told(watch), 'ADDED one');
  await add('two');
  await label('one', { a: 'b' });
  await remove('two');
  assert.equal(await told(watch), 'ADDED two');
  assert.equal(await told(watch), 'MODIFIED one');
  let last = await told(watch);
  if (last === 'MODIFIED two') last = await told(watch);
  assert.equal(last, 'DELETED two');
  watch.close();
});

test('goes on from a revision without loss, and says bookmarks only to those who asked', async () => {
  kube = await openKube();
  await add('one');
  const from = await revision();
  await label('one', { a: '1' });
  const watch = await kube.watch(`${serversPath}?watch=1&resourceVersion=${from}&allowWatchBookmarks=true`);
  assert.equal(await told(watch), 'MODIFIED one');
  const bookmark = await watch.next();
  assert.equal(bookmark?.type, 'BOOKMARK');
  assert.equal(bookmark?.object.metadata.resourceVersion, await revision());
  watch.close();
  const silent = await kube.watch(`${serversPath}?watch=1&resourceVersion=${from}&timeoutSeconds=1`);
  assert.deepEqual([await told(silent), await told(silent)], ['MODIFIED one', undefined]);
});

test('streams the initial list and marks its end when asked', async () => {
  kube = await openKube();
  await add('one');
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const watch = await kube.watch(`${serversPath}?${query}`);
  assert.equal(await told(watch), 'ADDED one');
  const end = await watch.next();
  assert.equal(end?.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  watch.close();
  const wrong = await kube.call('GET', `${serversPath}?watch=1&sendInitialEvents=true`);
  assert.deepEqual([wrong.code, wrong.json.reason], [422, 'Invalid']);
});

test('an object that enters or leaves a selection is added or deleted', async () => {
  kube = await openKube();
  await add('in', { a: 'yes' });
  await add('out', {});
  const from = await revision();
  const watch = await kube.watch(
    `${serversPath}?watch=1&resourceVersion=${from}&labelSelector=a%3Dyes&timeoutSeconds=5`,
  );
  await label('out', { other: 'x' });
  await label('out', { a: 'yes' });
  await label('in', { a: 'no' });
  await label('in', { b: 'x' });
  await label('in', { a: 'yes' });
  await label('out', { b: 'x' });
  const seen: unknown[] = [];
  for (let count = 0; count < 4; count += 1) seen.push(await told(watch));
  assert.deepEqual(seen, ['ADDED out', 'DELETED in', 'ADDED in', 'MODIFIED out']);
  watch.close();
});

test('from an older revision it rather says DELETED once too often than never', async () => {
  kube = await openKube();
  await add('one', { a: 'yes' });
  const from = await revision();
  await label('one', { a: 'no' });
  const watch = await kube.watch(`${serversPath}?watch=1&resourceVersion=${from}&labelSelector=a%3Dyes`);
  assert.equal(await told(watch), 'DELETED one');
  watch.close();
});

test('one object is watched by its name', async () => {
  kube = await openKube();
  const watch = await kube.watch(`${serversPath}?watch=1&fieldSelector=metadata.name%3Dtwo`);
  await add('one');
  await add('two');
  assert.equal(await told(watch), 'ADDED two');
  watch.close();
});

test('a table tells its columns once', async () => {
  kube = await openKube();
  await add('one');
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const watch = await kube.watch(`${serversPath}?watch=1`, { headers });
  const first = await watch.next();
  await label('one', { a: 'b' });
  const second = await watch.next();
  assert.ok(first?.object.columnDefinitions.length > 0);
  assert.deepEqual([first?.object.rows[0].cells[0], second?.object.rows[0].cells[0]], ['one', 'one']);
  assert.deepEqual(second?.object.columnDefinitions, []);
  watch.close();
});

test('a forgotten or foreign revision is 410', async () => {
  kube = await openKube();
  const answer = await kube.call('GET', `${serversPath}?watch=1&resourceVersion=99999`);
  assert.deepEqual([answer.code, answer.json.reason], [410, 'Expired']);
});

test('a reader that does not read is told Expired and holds up nobody (covers: SEC-52)', async () => {
  kube = await openKube({ store: { watchBuffer: 20 } });
  await add('one');
  const from = await revision();
  const slow = await kube.watch(`${serversPath}?watch=1&resourceVersion=${from}`);
  const quick = await kube.watch(`${serversPath}?watch=1&resourceVersion=${from}`);
  slow.pause();
  const padding = 'x'.repeat(60_000);
  let quickSaw = 0;
  for (let count = 0; count < 300; count += 1) {
    await kube.store.patch('Server', 'one', { metadata: { annotations: { padding: `${count}${padding}` } } });
    if ((await quick.next())?.type === 'MODIFIED') quickSaw += 1;
  }
  assert.equal(quickSaw, 300);
  slow.resume();
  let last: string | undefined;
  let count = 0;
  for (let line = await slow.next(); line; line = await slow.next()) {
    count += 1;
    last = line.type === 'ERROR' ? `${line.object.code} ${line.object.reason}` : line.type;
  }
  assert.equal(last, '410 Expired');
  assert.ok(count < 300, `${count} events`);
  quick.close();
});

test('ends at the timeout, when the client goes and when the server stops', async () => {
  kube = await openKube();
  const timed = await kube.watch(`${serversPath}?watch=1&timeoutSeconds=1`);
  assert.equal(await timed.next(), undefined);
  const gone = await kube.watch(`${serversPath}?watch=1`);
  gone.close();
  for (let tries = 0; (await openWatches()) > 0 && tries < 100; tries += 1) await sleep(10);
  assert.equal(await openWatches(), 0);
  const open = await kube.watch(`${serversPath}?watch=1`);
  assert.equal(await openWatches(), 1);
  await kube.server.close();
  assert.equal(await open.next(), undefined);
});

test('no more watches than places', async () => {
  kube = await openKube({ server: { maxWatches: 2 } });
  const open = [await kube.watch(`${serversPath}?watch=1`), await kube.watch(`${serversPath}?watch=1`)];
  const refused = await kube.call('GET', `${serversPath}?watch=1`);
  assert.deepEqual([refused.code, refused.json.reason, refused.headers['retry-after']], [429, 'TooManyRequests', '5']);
  for (const watch of open) watch.close();
});

test('two hundred watchers each see every change', async () => {
  kube = await openKube();
  const watches = await Promise.all(Array.from({ length: 200 }, () => kube.watch(`${serversPath}?watch=1`)));
  for (let count = 0; count < 5; count += 1) await add(`s-${count}`);
  const seen = await Promise.all(
    watches.map(async (watch) => {
      const names: unknown[] = [];
      for (let count = 0; count < 5; count += 1) names.push(await told(watch));
      watch.close();
      return names.join();
    }),
  );
  assert.deepEqual([...new Set(seen)], ['ADDED s-0,ADDED s-1,ADDED s-2,ADDED s-3,ADDED s-4']);
});

async function openWatches(): Promise<number> {
  const metric = await kube.registry.getSingleMetric('apiserver_longrunning_requests')?.get();
  return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
}
