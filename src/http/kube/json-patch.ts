// JSON patches (RFC 6902), as `kubectl patch --type=json` sends them, turned into the merge patch that has the same
// effect on the object at hand, so that there is one way into the store.
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { StoredObject } from '../../resources/object.ts';
import { badRequest, StatusError, unprocessable } from './status.ts';

/** What an API server takes in one patch. */
const mostOperations = 10_000;

type Fields = Record<string, unknown>;

/** @throws StatusError 400 when it is no JSON patch */
export function readJsonPatch(text: string): Operation[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new StatusError(badRequest(`the patch is not JSON: ${(error as Error).message}`), { cause: error });
  }
  if (!Array.isArray(value)) throw new StatusError(badRequest('a JSON patch is a list of operations'));
  if (value.length > mostOperations)
    throw new StatusError(badRequest(`a JSON patch has at most ${mostOperations} operations`));
  return value as Operation[];
}

/** The merge patch with the effect of `operations` on `current`. @throws StatusError 422 when one of them does not fit the object */
export function mergePatchOf(operations: Operation[], current: StoredObject): Fields {
  const patched = applied(operations, current);
  const patch = difference(current as Fields, patched);
  // An action that is stated again is a request again, though nothing differs.
  const states = operations.some(({ op, path }) => op !== 'test' && path.startsWith('/spec/power/request'));
  const request = states ? requestOf(patched) : undefined;
  return request ? { ...patch, spec: { ...(patch['spec'] as Fields), power: { request } } } : patch;
}

function applied(operations: Operation[], current: StoredObject): Fields {
  try {
    const validate = true;
    const mutate = false;
    const forbidPrototypes = true;
    const { newDocument } = jsonPatch.applyPatch(
      structuredClone(current) as Fields,
      operations,
      validate,
      mutate,
      forbidPrototypes,
    );
    return newDocument;
  } catch (error) {
    const [reason = 'the patch cannot be applied'] = String((error as Error).message).split('\n');
    throw new StatusError(unprocessable(`the server rejected our request due to an error in our request: ${reason}`), {
      cause: error,
    });
  }
}

function requestOf(object: Fields): Fields | undefined {
  const { power } = (object['spec'] ?? {}) as { power?: { request?: Fields } };
  const { action } = power?.request ?? {};
  return action === undefined ? undefined : { action };
}

/** What a merge patch has to say to make `after` of `before`: null for what is gone, lists as a whole. */
function difference(before: Fields, after: Fields): Fields {
  const patch: Fields = {};
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    const present = before[name];
    if (isRecord(value) && isRecord(present)) {
      const inner = difference(present, value);
      if (Object.keys(inner).length > 0) patch[name] = inner;
    } else if (JSON.stringify(value) !== JSON.stringify(present)) {
      patch[name] = value;
    }
  }
  return patch;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
