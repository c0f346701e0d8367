// A reporter of node:test that writes one line of JSON at the end: how many tests passed, failed and were skipped.
// biome-ignore lint/style/noDefaultExport: node:test takes a reporter as the default export
export default async function* counts(events) {
  for await (const { type, data } of events) {
    // The summary without a file is the one over all files.
    if (type === 'test:summary' && data.file === undefined) {
      const { passed, failed, cancelled, skipped, todo } = data.counts;
      yield JSON.stringify({ passed, failed: failed + cancelled, skipped: skipped + todo });
    }
  }
}
