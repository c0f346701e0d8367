// The one place where secrets are taken out of text on its way to a log, a trace or a report. It works on the finished text,
// so that no caller can forget it: known secrets by value, the usual carriers of secrets by their form. Whoever sends long
// lines gains nothing: the work grows as their length.

const mark = '***';

/** Long enough not to be an everyday word: a short "secret" would mask half of every line. */
const shortestSecret = 8;

/** Of queries: keys of links that were signed for somebody, by whichever store. */
const keyOfQuery = '(?:access_|id_)?token|sig|signature|AWSAccessKeyId|Policy|Key-Pair-Id|X-(?:Amz|Goog)-[A-Za-z-]+';

/** Of JSON. */
const keyOfSecret =
  '[A-Za-z_-]*(?:password|passwd|secret|token|authorization|registry-auth|cookie|private_?key|api_?key|access_?key)';

const carriers: [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${mark}`],
  [new RegExp(`((?:^|[?&;,\\s"'(])(?:${keyOfQuery})=)[^&\\s"'\\\\]+`, 'gi'), `$1${mark}`],
  // The same in a URL that is a value in another one.
  [new RegExp(`((?:%3F|%26)(?:${keyOfQuery})%3D)[^&%\\s"'\\\\]+`, 'gi'), `$1${mark}`],
  // In JSON, up to the quote that nothing escapes.
  [new RegExp(`("${keyOfSecret}"\\s*:\\s*")[^"\\\\]*(?:\\\\[^][^"\\\\]*)*`, 'gi'), `$1${mark}`],
  // In JSON that is a text of JSON: there a quote within the value has three backslashes.
  [
    new RegExp(
      `(\\\\"${keyOfSecret}\\\\"\\s*:\\s*\\\\")[^"\\\\]*(?:\\\\(?:\\\\(?:\\\\[^]|[^\\\\])|[^"\\\\])[^"\\\\]*)*`,
      'gi',
    ),
    `$1${mark}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, mark],
  [/(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, mark],
  // Name and password in a URL.
  [/\b([a-z][a-z0-9+.-]{1,15}:\/\/)[^\s/?#"'@\\]+@/gi, `$1${mark}@`],
];

export class Redactor {
  readonly #secrets = new Set<string>();

  /** From now on the value is masked wherever it stands, as it is, in JSON, in JSON that is a text of JSON, and in URLs. */
  add(secret: string): void {
    if (secret.length < shortestSecret) return;
    const inJson = escaped(secret);
    for (const form of [escaped(inJson), inJson, secret, encodeURIComponent(secret.toWellFormed())])
      this.#secrets.add(form);
  }

  addAll(secrets: readonly string[]): void {
    for (const secret of secrets) this.add(secret);
  }

  text(line: string): string {
    let redacted = line;
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, mark);
    for (const [carrier, replacement] of carriers) redacted = redacted.replace(carrier, replacement);
    return redacted;
  }
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
