// One parameter of a query. Of several of a name the first counts, as in Wings.
import type { FastifyRequest } from 'fastify';

export function queryText({ query }: Pick<FastifyRequest, 'query'>, name: string): string | undefined {
  const value = (query as Record<string, string | string[] | undefined>)[name];
  return Array.isArray(value) ? value[0] : value;
}
