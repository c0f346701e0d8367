// Tells what is wrong with manifests: in the log once for each content of a file, and as an Event on the object, or on
// the node while there is no such object. What is still wrong is not told again until somebody saves the file.
import type { EventRecorder } from '../resources/event.ts';
import type { StoredObject } from '../resources/object.ts';
import { ownerOf } from '../resources/ownership.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ObjectCache } from './caches.ts';
import type { ForeignDocument } from './declaration.ts';
import { type ManifestFailure, sentenceOf } from './manifest-error.ts';
import { referenceOf } from './object-writer.ts';

export interface Problem extends ManifestFailure {
  /** Of the file's content. */
  version: string;
  /** The object the document means, as far as it says. */
  about?: { kind: string; name: string };
}

export interface ForeignFile {
  version: string;
  foreign: readonly ForeignDocument[];
}

export interface ProblemReportOptions {
  nodeName: string;
  store: Pick<Store, 'get'>;
  caches: readonly Pick<ObjectCache, 'list'>[];
  events: EventRecorder;
  log: Logger;
}

/** A file can hold more documents and mistakes than anybody reads; a problem on every server of a file is told on some. */
const maxToldPerFile = 20;
const maxObjectsPerProblem = 16;

export class ProblemReport {
  readonly #options: ProblemReportOptions;
  #problems: readonly ManifestFailure[] = [];
  #logged = new Set<string>();
  #reported = new Set<string>();
  #skipped = new Set<string>();

  constructor(options: ProblemReportOptions) {
    this.#options = options;
  }

  /** What is wrong now. */
  get problems(): readonly ManifestFailure[] {
    return this.#problems;
  }

  /** All that is wrong after a look at the whole directory. @throws StoreUnavailableError, StoreClosedError */
  async update(problems: readonly Problem[]): Promise<void> {
    const { log } = this.#options;
    if (this.#problems.length > 0 && problems.length === 0) log.info({}, 'the manifests are in order again');
    this.#problems = problems.map(({ version: _, about: __, ...failure }) => failure);
    const told = firstOfEachFile(problems);
    for (const [key, { version: _, about: __, message: reason, ...place }] of told) {
      if (!this.#logged.has(key)) log.error({ ...place, reason }, 'a manifest could not be applied');
    }
    this.#logged = new Set(told.keys());
    const reported = new Set<string>();
    for (const [key, problem] of told) {
      if (this.#reported.has(key) || (await this.#report(problem))) reported.add(key);
    }
    this.#reported = reported;
  }

  /** Documents of somebody else's API: said, so that a misspelt one is found. */
  skipped(files: readonly ForeignFile[]): void {
    const skipped = new Set<string>();
    for (const { version, foreign } of files) {
      const [first] = foreign;
      if (!first) continue;
      const { file, line, apiVersion, kind } = first;
      const key = JSON.stringify([file, version]);
      skipped.add(key);
      if (this.#skipped.has(key)) continue;
      const fields = { file, line, apiVersion, kind, documents: foreign.length };
      this.#options.log.info(fields, 'documents of another API were skipped');
    }
    this.#skipped = skipped;
  }

  /** False when there is nothing yet to say it about. */
  async #report(problem: Problem): Promise<boolean> {
    const { events, nodeName, store } = this.#options;
    let objects = await this.#objectsOf(problem);
    if (objects.length === 0) {
      const node = await store.get('Node', nodeName);
      objects = node ? [node] : [];
    }
    for (const object of objects) {
      events.event(referenceOf(object), 'Warning', 'ManifestInvalid', sentenceOf(problem));
    }
    return objects.length > 0;
  }

  /** Of a text that cannot be read: those that came from its file. */
  async #objectsOf({ file, about }: Problem): Promise<StoredObject[]> {
    if (about) {
      const object = await this.#options.store.get(about.kind, about.name);
      return object ? [object] : [];
    }
    const isFrom = (object: StoredObject) => ownerOf(object)?.kind === 'Manifest' && ownerOf(object)?.ref === file;
    return this.#options.caches
      .flatMap((cache) => cache.list())
      .filter(isFrom)
      .slice(0, maxObjectsPerProblem);
  }
}

function firstOfEachFile(problems: readonly Problem[]): Map<string, Problem> {
  const told = new Map<string, Problem>();
  const counts = new Map<string, number>();
  for (const problem of problems) {
    const { file, version, line, field, message } = problem;
    const count = (counts.get(file) ?? 0) + 1;
    counts.set(file, count);
    if (count <= maxToldPerFile) told.set(JSON.stringify([file, version, line, field, message]), problem);
  }
  return told;
}
