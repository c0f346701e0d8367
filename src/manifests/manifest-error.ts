// Why a manifest, or one of its documents, was not applied: a sentence for a person, with the place in the file.

export interface Mistake {
  /** From 1. */
  line?: number;
  /** `spec.limits.memory`. */
  field?: string;
  message: string;
}

export interface ManifestFailure extends Mistake {
  /** Name below the manifest directory; the directory itself when that is what is wrong. */
  file: string;
}

export class ManifestError extends Error {
  readonly mistake: Mistake;
  constructor(message: string, { line, field, ...options }: { line?: number; field?: string } & ErrorOptions = {}) {
    super(message, options);
    this.name = 'ManifestError';
    this.mistake = { ...(line === undefined ? {} : { line }), ...(field === undefined ? {} : { field }), message };
  }
}

/** `a.yaml:9: spec.limits.memory: must be a number` */
export function sentenceOf({ file, line, field, message }: ManifestFailure): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return [place, ...(field === undefined ? [] : [field]), message].join(': ');
}
