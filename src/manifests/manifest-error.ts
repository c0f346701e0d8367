// Why a manifest, or one of its documents, was not applied: a sentence for a person, with the place in the file.

export interface ManifestFailure {
  /** Name below the manifest directory; the directory itself when that is what is wrong. */
  file: string;
  /** From 1. */
  line?: number;
  /** `spec.limits.memory`. */
  field?: string;
  message: string;
}

export class ManifestError extends Error {
  readonly line: number | undefined;
  readonly field: string | undefined;
  constructor(message: string, { line, field, ...options }: { line?: number; field?: string } & ErrorOptions = {}) {
    super(message, options);
    this.name = 'ManifestError';
    this.line = line;
    this.field = field;
  }
}

export function failureOf(file: string, { line, field, message }: ManifestError): ManifestFailure {
  return { file, ...(line === undefined ? {} : { line }), ...(field === undefined ? {} : { field }), message };
}
