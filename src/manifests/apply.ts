// The door for manifests: brings each object that a directory declares into the store, through the same admission as
// every other writer. A document that cannot be applied keeps no other from being applied; a second run over the same
// files writes nothing. What a manifest does not state, and whether a server runs, is left to others.
import type { Admission, WriteContext } from '../resources/admission.ts';
import { ForbiddenError, InvalidError, PowerConflictError, UnknownFieldsError } from '../resources/errors.ts';
import {
  AlreadyExistsError,
  ConflictError,
  MalformedObjectError,
  NotFoundError,
  ObjectTooLargeError,
} from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { changesFor, type Declaration, declarationOf } from './declaration.ts';
import { type ManifestDocument, parseManifest } from './documents.ts';
import { failureOf, ManifestError, type ManifestFailure } from './manifest-error.ts';
import { manifestNames, readManifest } from './manifest-files.ts';

export interface ManifestOptions {
  directory: string;
  admission: Pick<Admission, 'create' | 'patch'>;
  store: Pick<Store, 'get'>;
  log: Logger;
}

export interface ManifestOutcome {
  /** Objects created or changed. */
  applied: number;
  unchanged: number;
  /** Documents of somebody else's API. */
  skipped: number;
  /** One for each mistake; a document may have several. */
  failed: ManifestFailure[];
}

/** Somebody else may create or delete the object between a look and a write. */
const maxAttempts = 4;

/** Files in the order of their names. Rejects only when the store fails. */
export async function applyManifests(options: ManifestOptions): Promise<ManifestOutcome> {
  const { directory, log } = options;
  const run: Run = { ...options, outcome: { applied: 0, unchanged: 0, skipped: 0, failed: [] }, stated: new Map() };
  try {
    for (const file of await manifestNames(directory)) await applyFile(run, file);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    fail(run, directory, error);
  }
  const { failed, ...counts } = run.outcome;
  log.info({ directory, ...counts, failed: failed.length }, 'manifests were applied');
  return run.outcome;
}

interface Run extends ManifestOptions {
  outcome: ManifestOutcome;
  /** Where each object was declared first, by kind and name. */
  stated: Map<string, string>;
}

async function applyFile(run: Run, file: string): Promise<void> {
  let documents: (ManifestDocument | ManifestError)[];
  try {
    documents = parseManifest(await readManifest(run.directory, file));
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return fail(run, file, error);
  }
  for (const document of documents) {
    if (document instanceof ManifestError) fail(run, file, document);
    else await applyDocument(run, file, document);
  }
}

async function applyDocument(run: Run, file: string, document: ManifestDocument): Promise<void> {
  const { outcome, log } = run;
  try {
    const declaration = declarationOf(document.value);
    if (!declaration) {
      const { apiVersion, kind } = document.value;
      outcome.skipped += 1;
      log.info({ file, line: document.line, apiVersion, kind }, 'a manifest of another API was skipped');
      return;
    }
    claim(run, declaration, `${file}:${document.line}`);
    const written = await write(run, file, declaration);
    outcome[written ? 'applied' : 'unchanged'] += 1;
    if (written) log.info({ file, kind: declaration.kind, name: declaration.name }, 'a manifest was applied');
  } catch (error) {
    for (const mistake of mistakesOf(error)) {
      const line = mistake.field === undefined ? document.line : document.lineOf(mistake.field);
      fail(run, file, new ManifestError(mistake.message, { ...mistake, line, cause: error }));
    }
  }
}

/** An object in two files would follow now the one, now the other. */
function claim({ stated }: Run, { kind, name }: Declaration, place: string): void {
  const key = `${kind}/${name}`;
  const first = stated.get(key);
  if (first) throw new ManifestError(`${kind} "${name}" is declared in ${first} already`, { field: 'metadata.name' });
  stated.set(key, place);
}

/** Answers whether the store was changed. */
async function write(run: Run, file: string, declaration: Declaration): Promise<boolean> {
  const { admission, store } = run;
  const { kind, name, object } = declaration;
  const context = writeContext(run, file);
  for (let attempt = 1; ; attempt += 1) {
    const current = await store.get(kind, name);
    try {
      if (!current) {
        await admission.create(kind, object, context);
        return true;
      }
      if (current.metadata.deletionTimestamp) throw new ManifestError(`${kind} "${name}" is being deleted`);
      const changes = changesFor(current, declaration, context.owner);
      if (!changes) return false;
      const { metadata } = await admission.patch(kind, name, changes, context);
      // Defaults may make equal what was written differently.
      return metadata.resourceVersion !== current.metadata.resourceVersion;
    } catch (error) {
      const raced = error instanceof AlreadyExistsError || error instanceof NotFoundError;
      if (!raced || attempt >= maxAttempts) throw error;
    }
  }
}

function writeContext({ log }: Run, file: string): WriteContext {
  return {
    by: `manifest:${file}`,
    owner: { kind: 'Manifest', ref: file },
    dryRun: false,
    fieldValidation: 'Strict',
    warn: (warning) => log.warn({ file, warning }, 'a manifest was applied with a warning'),
  };
}

const refusals = [
  ForbiddenError,
  PowerConflictError,
  AlreadyExistsError,
  NotFoundError,
  ConflictError,
  MalformedObjectError,
  ObjectTooLargeError,
];

/** What is wrong with a document, in its parts. @throws what is not the document's fault */
function mistakesOf(error: unknown): { field?: string; message: string }[] {
  if (error instanceof InvalidError) return error.causes.map(({ field, message }) => ({ field, message }));
  if (error instanceof UnknownFieldsError) {
    return error.fields.map((field) => ({ field, message: `${error.kind} has no such field` }));
  }
  if (error instanceof ManifestError) {
    return [{ ...(error.field === undefined ? {} : { field: error.field }), message: error.message }];
  }
  if (refusals.some((refusal) => error instanceof refusal)) return [{ message: (error as Error).message }];
  throw error;
}

function fail({ outcome, log }: Run, file: string, error: ManifestError): void {
  const failure = failureOf(file, error);
  outcome.failed.push(failure);
  const { message: reason, ...place } = failure;
  log.error({ ...place, reason }, 'a manifest could not be applied');
}
