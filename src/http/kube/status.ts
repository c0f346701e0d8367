// The catalogue of what the kube API answers instead of a result: each entry is a Kubernetes `Status`, with the
// reason, code and wording that kubectl and client-go know.
import type { KindDefinition } from '../../resources/kinds.ts';

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

/** Thrown by handlers; the error handler sends its `status` as it is. */
export class StatusError extends Error {
  readonly status: Status;
  constructor(status: Status, options?: ErrorOptions) {
    super(status.message, options);
    this.name = 'StatusError';
    this.status = status;
  }
}

/** `servers.aileron.dev`, or `events` in the core group. */
export function groupResource(kind: KindDefinition): string {
  return kind.group ? `${kind.plural}.${kind.group}` : kind.plural;
}

function failure(code: number, reason: string, message: string, details?: StatusDetails): Status {
  const about = details && Object.keys(details).length > 0 ? { details } : {};
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...about, code };
}

function about(kind: KindDefinition | undefined, name: string | undefined): StatusDetails {
  return {
    ...(name ? { name } : {}),
    ...(kind?.group ? { group: kind.group } : {}),
    ...(kind ? { kind: kind.plural } : {}),
  };
}

export function badRequest(message: string): Status {
  return failure(400, 'BadRequest', message);
}

/** The wording by which kubectl users know a strict refusal. */
export function strictDecoding(kind: KindDefinition, findings: readonly string[]): Status {
  const list = findings.join(', ');
  return badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${list}`,
  );
}

export function unauthorized(): Status {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

export function forbidden(kind: KindDefinition | undefined, name: string | undefined, why: string): Status {
  const what = kind ? `${groupResource(kind)}${name ? ` "${name}"` : ''} is forbidden: ` : 'forbidden: ';
  return failure(403, 'Forbidden', what + why, about(kind, name));
}

export function notFound(kind: KindDefinition, name: string): Status {
  return failure(404, 'NotFound', `${groupResource(kind)} "${name}" not found`, about(kind, name));
}

/** The object is there, and something of it is not. */
export function missing(kind: KindDefinition, name: string, why: string): Status {
  return failure(404, 'NotFound', `${groupResource(kind)} "${name}": ${why}`, about(kind, name));
}

export function namespaceNotFound(name: string): Status {
  return failure(404, 'NotFound', `namespaces "${name}" not found`, { name, kind: 'namespaces' });
}

export function noSuchPath(): Status {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function methodNotAllowed(kind: KindDefinition | undefined): Status {
  const message = 'the server does not allow this method on the requested resource';
  return failure(405, 'MethodNotAllowed', message, about(kind, undefined));
}

export function notAcceptable(accepted: readonly string[]): Status {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function requestTimedOut(): Status {
  return failure(408, 'Timeout', 'the request did not arrive in time');
}

export function alreadyExists(kind: KindDefinition, name: string): Status {
  return failure(409, 'AlreadyExists', `${groupResource(kind)} "${name}" already exists`, about(kind, name));
}

export function conflict(kind: KindDefinition, name: string, why: string): Status {
  const message = `Operation cannot be fulfilled on ${groupResource(kind)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, about(kind, name));
}

export function expired(message: string): Status {
  return failure(410, 'Expired', message);
}

export function tooLarge(message: string): Status {
  return failure(413, 'RequestEntityTooLarge', message);
}

export function unsupportedMediaType(message: string): Status {
  return failure(415, 'UnsupportedMediaType', message);
}

/** `causes[].message` is without the field, as in Kubernetes. */
export function invalid(kind: { kind: string; group: string }, name: string, causes: StatusCause[]): Status {
  const lines = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : cause.message));
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  const qualified = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  const details = { ...(name ? { name } : {}), ...(kind.group ? { group: kind.group } : {}), kind: kind.kind, causes };
  return failure(422, 'Invalid', `${qualified} "${name}" is invalid: ${list}`, details);
}

/** Understood, and cannot be done to this object; for what no field is to blame. */
export function unprocessable(message: string): Status {
  return failure(422, 'Invalid', message);
}

export function rangeNotSatisfiable(size: number): Status {
  return failure(416, 'RequestedRangeNotSatisfiable', `there are ${size} bytes, and none in the range asked for`);
}

export function tooManyRequests(retryAfterSeconds: number): Status {
  return failure(429, 'TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds });
}

export function internal(): Status {
  return failure(500, 'InternalError', 'Internal error occurred: the log of the daemon says more');
}

export function unavailable(message: string): Status {
  return failure(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 });
}

/** What DELETE answers once the object is gone. */
export function deleted(kind: KindDefinition, name: string, uid: string): Status {
  const details = { ...about(kind, name), uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details, code: 200 };
}
