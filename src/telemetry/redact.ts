// The one place where secrets are taken out of text on its way to a log. It works on the finished line, so that no
// caller can forget it: known secrets by value, the usual carriers of secrets by their form.

const mark = '***';

/** Long enough not to be an everyday word: a short "secret" would mask half of every line. */
const shortestSecret = 8;

const carriers: [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${mark}`],
  [/([?&](?:token|sig|signature|X-Amz-[A-Za-z-]+)=)[^&\s"'\\]+/gi, `$1${mark}`],
  [
    /("(?:[A-Za-z_-]*(?:password|secret|token|authorization|private_?key|api_?key))\\?"\s*:\s*\\?")(?:[^"\\]|\\.)*/gi,
    `$1${mark}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, mark],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, mark],
];

export class Redactor {
  readonly #secrets = new Set<string>();

  /** From now on the value is masked wherever it stands. */
  add(secret: string): void {
    if (secret.length >= shortestSecret) this.#secrets.add(secret);
  }

  text(line: string): string {
    let redacted = line;
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, mark);
    for (const [carrier, replacement] of carriers) redacted = redacted.replace(carrier, replacement);
    return redacted;
  }
}
