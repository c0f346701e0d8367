// What the Panel says of a call that it refuses. Its texts are cut and freed of control characters before anything shows them.
import { type JsonBounds, parseBounded } from './bounded-json.ts';
import type { PanelComplaint } from './panel-errors.ts';
import { isFields } from './read-value.ts';

/** Errors lie a few levels deep; a 422 to a batch of activity has one or two for each of some hundred entries. */
const complaintBounds: JsonBounds = { depth: 16, values: 10_000 };

const longestText = 1_000;

/** Fields that a 422 may name; a batch of activity has some hundred entries. */
const mostFields = 1_000;

const noComplaint: PanelComplaint = {
  code: '_MissingResponseCode',
  detail: 'No error response returned from API endpoint.',
  fields: [],
};

/** What the body of an unsuccessful answer says. Never throws: a proxy in between may have written anything. */
export function complaintOf(body: Buffer): PanelComplaint {
  let parsed: unknown;
  try {
    parsed = parseBounded(body, complaintBounds);
  } catch {
    return noComplaint;
  }
  const errors = isFields(parsed) ? parsed['errors'] : undefined;
  if (!Array.isArray(errors) || !isFields(errors[0])) return noComplaint;
  const [first] = errors;
  return {
    code: plain(first['code']) || noComplaint.code,
    detail: plain(first['detail']) || noComplaint.detail,
    fields: errors.slice(0, mostFields).flatMap(fieldOf),
  };
}

function fieldOf(error: unknown): string[] {
  const meta = isFields(error) ? error['meta'] : undefined;
  const field = isFields(meta) ? plain(meta['source_field']) : '';
  return field === '' ? [] : [field];
}

/** One line of bounded length, whatever was sent. */
function plain(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.slice(0, longestText).replaceAll(/\p{Cc}+/gu, ' ');
}
