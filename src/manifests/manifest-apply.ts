// Makes the store follow one look at the manifest directory: what is declared is written, what is declared no more is
// deleted, what cannot be is told. A document that is refused keeps no other from being applied.

import { kindDefinitions } from '../resources/kinds.ts';
import type { Server } from '../resources/server.ts';
import type { ObjectCache } from './caches.ts';
import type { Declaration } from './declaration.ts';
import { lineOf } from './field-lines.ts';
import type { DirectoryScan } from './manifest-reader.ts';
import { ObjectWriter, type ObjectWriterOptions, type Written } from './object-writer.ts';
import { type Problem, ProblemReport, type ProblemReportOptions } from './problem-report.ts';
import { Pruning, type PruningOptions } from './pruning.ts';
import { refusalOf } from './refusals.ts';

export interface ManifestApplyOptions extends ObjectWriterOptions, PruningOptions, ProblemReportOptions {
  admission: ObjectWriterOptions['admission'] & PruningOptions['admission'];
  caches: readonly Pick<ObjectCache, 'kind' | 'get' | 'list'>[];
}

export interface ApplyOutcome {
  /** Documents by what became of them. */
  documents: Record<DocumentResult, number>;
  /** ms after which to look again, if something waits for that. */
  retryInMs?: number;
}

/** `waiting`: for the end of a deletion, or for another writer to calm down. `skipped`: of another API. */
export const documentResults = ['applied', 'unchanged', 'waiting', 'skipped', 'failed'] as const;
export type DocumentResult = (typeof documentResults)[number];

export class ManifestApply {
  readonly #options: ManifestApplyOptions;
  readonly #writer: ObjectWriter;
  readonly #pruning: Pruning;
  readonly #report: ProblemReport;

  constructor(options: ManifestApplyOptions) {
    this.#options = options;
    this.#writer = new ObjectWriter(options);
    this.#pruning = new Pruning(options);
    this.#report = new ProblemReport(options);
  }

  get problems(): ProblemReport['problems'] {
    return this.#report.problems;
  }

  /** To be called for each server of a manifest that is gone. */
  gone(server: Server): void {
    this.#writer.gone(server);
  }

  /** One at a time; ends early when the signal is aborted. @throws StoreUnavailableError, StoreClosedError */
  async apply(scan: DirectoryScan, signal: AbortSignal): Promise<ApplyOutcome> {
    const run: Run = {
      problems: [],
      first: new Map(),
      documents: { applied: 0, unchanged: 0, waiting: 0, skipped: 0, failed: 0 },
    };
    const { documents, problems } = run;
    if (scan.failure) problems.push({ file: this.#options.directory, version: '', ...scan.failure });
    for (const { name: file, version, foreign, mistakes } of scan.files) {
      documents.skipped += foreign.length;
      documents.failed += mistakes.length;
      problems.push(...mistakes.map((mistake) => ({ file, version, ...mistake })));
    }
    for (const { declaration, version } of inOrder(scan)) {
      if (signal.aborted) return { documents };
      await this.#applyOne(run, declaration, version);
    }
    const places = new Map(scan.files.map(({ name }, index) => [name, index]));
    problems.sort((a, b) => (places.get(a.file) ?? -1) - (places.get(b.file) ?? -1));
    this.#report.skipped(scan.files);
    await this.#report.update(problems);
    const clean = scan.complete && problems.length === 0;
    const prunableIn = await this.#pruning.prune(new Set(run.first.keys()), clean);
    const soonest = Math.min(run.retryInMs ?? Infinity, prunableIn ?? Infinity);
    return { documents, ...(soonest === Infinity ? {} : { retryInMs: soonest }) };
  }

  async #applyOne(run: Run, declaration: Declaration, version: string): Promise<void> {
    const { kind, name, file, line, lines } = declaration;
    const key = `${kind}/${name}`;
    const fail = (mistakes: { field?: string; message: string }[]) => {
      run.documents.failed += 1;
      for (const { field, message } of mistakes) {
        const place = field === undefined ? { line } : { line: lineOf(lines, field), field };
        run.problems.push({ file, version, ...place, message, about: { kind, name } });
      }
    };
    const first = run.first.get(key);
    // An object in two files would follow now the one, now the other.
    if (first) {
      const place = `${first.file}:${first.line}`;
      return fail([{ field: 'metadata.name', message: `${kind} "${name}" is declared in ${place} already` }]);
    }
    run.first.set(key, declaration);
    try {
      const written: Written = await this.#writer.write(declaration);
      run.documents[written.result] += 1;
      if (written.result === 'waiting' && written.retryInMs !== undefined) {
        run.retryInMs = Math.min(run.retryInMs ?? Infinity, written.retryInMs);
      }
    } catch (error) {
      fail(refusalOf(error));
    }
  }
}

interface Run {
  problems: Problem[];
  documents: ApplyOutcome['documents'];
  /** By kind and name: where each object was declared first. */
  first: Map<string, Declaration>;
  retryInMs?: number;
}

const kindOrder = new Map(kindDefinitions.map(({ kind }, index) => [kind, index]));

/** What refers to another object comes after it, whatever the files are called; otherwise by file and place in it. */
function inOrder({ files }: DirectoryScan): { declaration: Declaration; version: string }[] {
  const orderOf = ({ kind }: Declaration) => kindOrder.get(kind) ?? kindOrder.size;
  return files
    .flatMap(({ version, declarations }) => declarations.map((declaration) => ({ declaration, version })))
    .sort((a, b) => orderOf(a.declaration) - orderOf(b.declaration));
}
