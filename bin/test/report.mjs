// A reporter of node:test for people and logs: one line a file, each failure in full where it happens, each skipped
// test with the reason it gives.
import { relative } from 'node:path';
import { inspect } from 'node:util';

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter as the default export
export default async function* report(events) {
  const files = new Map();
  for await (const { type, data } of events) {
    const file = data?.file ? relative(process.cwd(), data.file) : undefined;
    if (type === 'test:stderr' || type === 'test:stdout') {
      yield indent(data.message);
    } else if (type === 'test:fail') {
      yield failure(file, data);
    } else if (type === 'test:pass' && data.skip !== undefined) {
      yield `  skipped: ${data.name} (${data.skip || 'no reason given'})\n`;
    } else if (type === 'test:summary' && file) {
      files.set(file, data);
      const { tests, passed, skipped } = data.counts;
      const outcome = data.success ? 'ok' : 'FAILED';
      yield `  ${outcome} ${file}: ${passed} of ${tests} passed${skipped ? `, ${skipped} skipped` : ''} (${seconds(data.duration_ms)})\n`;
    }
  }
}

function failure(file, { name, line, details }) {
  // A parent fails because its children did, and they have been told.
  if (details.error?.failureType === 'subtestsFailed') return '';
  const cause = details.error?.cause ?? details.error;
  const text = cause instanceof Error ? describe(cause) : inspect(cause);
  return `\n  ✖ ${name}\n    at ${file ?? '?'}:${line ?? '?'}\n${indent(text)}\n`;
}

/** The error without the frames of the test runner, with its causes, and with both values where its own text hides them. */
function describe(error) {
  const stack = (error.stack ?? error.message).replace(/\n\s+at [^\n]*\(?node:internal[^\n]*/g, '');
  const values =
    error.generatedMessage === false && 'actual' in error
      ? `\nactual: ${inspect(error.actual, { depth: 6 })}\nexpected: ${inspect(error.expected, { depth: 6 })}`
      : '';
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : '';
  return stack + values + cause;
}

function indent(text) {
  return `${text.trimEnd().replace(/^/gm, '    ')}\n`;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}
