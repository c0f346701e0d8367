// What an error becomes on the wire. Words that admission chose for people go out; whatever else went wrong is told to
// nobody but the log.
import type { FastifyReply } from 'fastify';
import {
  BackupLimitError,
  ForbiddenError,
  InvalidError,
  OperationConflictError,
  PowerConflictError,
} from '../../resources/errors.ts';
import { NotFoundError } from '../../store/errors.ts';
import { type HttpRefusal, RequestRefused, refusals } from './http-errors.ts';

/** `refusals.internal` for what nobody expected: its cause belongs into the log. */
export function refusalOf(error: unknown): HttpRefusal {
  if (error instanceof RequestRefused) return error.refusal;
  if (error instanceof OperationConflictError || error instanceof PowerConflictError) return saying(409, error);
  if (error instanceof BackupLimitError || error instanceof ForbiddenError) return saying(403, error);
  if (error instanceof InvalidError) return saying(422, error);
  // It went while it was being worked on.
  if (error instanceof NotFoundError) return refusals.notFound;
  return refusals.internal;
}

/** `requestId` goes into those bodies that name the request. */
export function refuse(
  reply: FastifyReply,
  { code, body, headers = {}, identified }: HttpRefusal,
  requestId: string,
): FastifyReply {
  reply.code(code).headers(headers);
  if (typeof body === 'string' && !headers['content-type']) reply.type('text/plain; charset=utf-8');
  if (typeof body === 'string') return reply.send(body);
  return reply.send(identified ? { ...body, request_id: requestId } : body);
}

function saying(code: number, { message }: Error): HttpRefusal {
  return { code, body: { error: message } };
}
