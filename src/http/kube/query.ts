// Query parameters of the kube API, read with the same strictness everywhere.
import type { FastifyRequest } from 'fastify';
import { badRequest, StatusError } from './status.ts';

/** The first value, or undefined when absent or empty. */
export function queryText(request: FastifyRequest, name: string): string | undefined {
  return queryTexts(request, name)[0];
}

export function queryTexts(request: FastifyRequest, name: string): string[] {
  const query = request.query as Record<string, string | string[] | undefined>;
  const value = query[name];
  const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return values.filter((text) => text !== '');
}

/** `true`, `1` or the bare name mean yes, as in Kubernetes. @throws StatusError 400 */
export function queryFlag(request: FastifyRequest, name: string): boolean {
  const value = (request.query as Record<string, string | string[] | undefined>)[name];
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1' || text === '') return true;
  throw new StatusError(badRequest(`invalid value ${JSON.stringify(text)} for ${name}: must be true or false`));
}

/** A whole number ≥ 0. @throws StatusError 400 */
export function queryNumber(request: FastifyRequest, name: string): number | undefined {
  const text = queryText(request, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) {
    throw new StatusError(badRequest(`invalid value ${JSON.stringify(text)} for ${name}: must be a whole number`));
  }
  return Number(text);
}
