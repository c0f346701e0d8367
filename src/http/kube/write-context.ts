// What the query of a write says: dry run, how strict to be about unknown fields, who writes. Warnings go back in
// `Warning` headers, which kubectl prints.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WriteContext } from '../../resources/admission.ts';
import type { KindDefinition } from '../../resources/kinds.ts';
import { queryText, queryTexts } from './query.ts';
import { invalid, StatusError, strictDecoding } from './status.ts';

type FieldValidation = WriteContext['fieldValidation'];

const fieldValidations: readonly FieldValidation[] = ['Strict', 'Warn', 'Ignore'];
const maxWarnings = 32;
const maxWarningLength = 512;

export interface Write {
  context: WriteContext;
  /** Puts the warnings into the answer's headers. */
  sendWarnings(reply: FastifyReply): void;
}

/** @throws StatusError 422 for a dryRun or fieldValidation that does not exist */
export function readWrite(request: FastifyRequest, dryRunOfBody?: unknown): Write {
  const warnings: string[] = [];
  const user = request.user?.name ?? 'unknown';
  const context: WriteContext = {
    by: user,
    owner: { kind: 'User', ref: user },
    dryRun: isDryRun([...queryTexts(request, 'dryRun'), ...listOf(dryRunOfBody)]),
    fieldValidation: fieldValidation(request),
    warn(message) {
      if (warnings.length < maxWarnings) warnings.push(message);
    },
  };
  return {
    context,
    sendWarnings(reply) {
      if (warnings.length > 0) reply.header('warning', warnings.map(warningHeader));
    },
  };
}

/** Reports keys stated twice, as strictly as the client asked. @throws StatusError 400 when it asked for Strict */
export function reportDuplicates(kind: KindDefinition, duplicates: readonly string[], context: WriteContext): void {
  if (duplicates.length === 0 || context.fieldValidation === 'Ignore') return;
  const findings = duplicates.map((path) => `duplicate field "${path}"`);
  if (context.fieldValidation === 'Warn') {
    for (const finding of findings) context.warn(finding);
    return;
  }
  throw new StatusError(strictDecoding(kind, findings));
}

function isDryRun(values: readonly unknown[]): boolean {
  for (const value of values) {
    if (value !== 'All') throw unsupported('dryRun', value, ['All']);
  }
  return values.length > 0;
}

function fieldValidation(request: FastifyRequest): FieldValidation {
  // Warn is what an API server assumes when the client says nothing.
  const text = queryText(request, 'fieldValidation') ?? 'Warn';
  const found = fieldValidations.find((value) => value === text);
  if (!found) throw unsupported('fieldValidation', text, fieldValidations);
  return found;
}

function listOf(value: unknown): unknown[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

function unsupported(field: string, value: unknown, supported: readonly string[]): StatusError {
  const list = supported.map((text) => JSON.stringify(text)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`;
  const options = { kind: 'WriteOptions', group: 'meta.k8s.io' };
  return new StatusError(invalid(options, '', [{ reason: 'FieldValueNotSupported', field, message }]));
}

/** RFC 7234 with code 299, as Kubernetes sends it. Headers are ASCII: anything else becomes a question mark. */
function warningHeader(message: string): string {
  const text = message
    .slice(0, maxWarningLength)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, '\\$&');
  return `299 - "${text}"`;
}
