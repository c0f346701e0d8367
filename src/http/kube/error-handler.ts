// From whatever was thrown to the Status a client sees. What is not known is a 500 without a word about our inside;
// the log has the rest.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import {
  ForbiddenError,
  InvalidError,
  OperationConflictError,
  PowerConflictError,
  UnknownFieldsError,
} from '../../resources/errors.ts';
import type { KindDefinition } from '../../resources/kinds.ts';
import {
  AlreadyExistsError,
  ConflictError,
  ExpiredError,
  MalformedObjectError,
  NotFoundError,
  ObjectTooLargeError,
  StoreClosedError,
  StoreFullError,
  StoreUnavailableError,
} from '../../store/errors.ts';
import type { Logger } from '../../telemetry/log.ts';
import { maxBodyBytes } from './body.ts';
import { sendStatus } from './respond.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  expired,
  forbidden,
  internal,
  invalid,
  notFound,
  requestTimedOut,
  type Status,
  StatusError,
  strictDecoding,
  tooLarge,
  unavailable,
  unsupportedMediaType,
} from './status.ts';

export interface ErrorSubject {
  kind?: KindDefinition | undefined;
  name?: string | undefined;
}

/** Total: everything has a Status. */
export function statusOf(error: unknown, { kind, name = '' }: ErrorSubject): Status {
  if (error instanceof StatusError) return error.status;
  if (error instanceof ExpiredError) return expired(error.message);
  if (error instanceof StoreClosedError) return unavailable('the daemon is stopping');
  if (error instanceof StoreFullError) return unavailable(`${error.message}: free some space and try again`);
  if (error instanceof StoreUnavailableError) return unavailable('the store cannot do this at the moment');
  if (error instanceof MalformedObjectError) return badRequest(error.message);
  if (error instanceof ObjectTooLargeError) return tooLarge(error.message);
  if (kind) {
    if (error instanceof NotFoundError) return notFound(kind, name);
    if (error instanceof AlreadyExistsError) return alreadyExists(kind, name);
    if (error instanceof ConflictError) return conflict(kind, name, error.message);
    if (error instanceof PowerConflictError) return conflict(kind, name, error.message);
    if (error instanceof OperationConflictError) return conflict(kind, name, error.message);
    if (error instanceof ForbiddenError) return forbidden(kind, name, error.message);
    if (error instanceof UnknownFieldsError) return strictDecoding(kind, unknownFields(error.fields));
    if (error instanceof InvalidError) return invalid(kind, error.objectName, error.causes);
  }
  return statusOfFastify(error as Partial<FastifyError> | undefined);
}

function unknownFields(fields: readonly string[]): string[] {
  return fields.map((field) => `unknown field "${field}"`);
}

export function errorHandler(log: Logger) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const status = statusOf(error, subjectOf(request));
    if (status.code >= 500) {
      log.error(
        { err: error, method: request.method, path: request.url.split('?', 1)[0] },
        'a kube API request failed',
      );
    }
    if (status.code === 401) reply.header('www-authenticate', 'Bearer realm="aileron"');
    const retryAfter = status.details?.retryAfterSeconds;
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    // After these the rest of the body is unread: the connection cannot be used again.
    if (status.code === 408 || status.code === 413) reply.header('connection', 'close');
    return sendStatus(reply, status);
  };
}

function subjectOf(request: FastifyRequest): ErrorSubject {
  const { name } = (request.params ?? {}) as { name?: string };
  return { kind: request.routeOptions.config.kube?.kind, name: name ?? request.objectName };
}

function statusOfFastify(error: Partial<FastifyError> | undefined): Status {
  switch (error?.statusCode) {
    case 408:
      return requestTimedOut();
    case 413:
      return tooLarge(`the request body is larger than ${maxBodyBytes} bytes`);
    case 415:
      return unsupportedMediaType('the Content-Type of the request is not a media type');
    case undefined:
      return internal();
    default:
      return error!.statusCode! < 500 ? badRequest('the request is malformed') : internal();
  }
}
