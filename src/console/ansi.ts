// Removes terminal sequences from a console line exactly as Wings does before it looks for phrases in it, oddities
// included: eggs were written against them. Works on bytes in one pass; what is no sequence stays as it is.

const escapeByte = 0x1b;
/** U+009B in UTF-8. */
const c1Lead = 0xc2;
const c1Control = 0x9b;
const bell = 0x07;
const semicolon = 0x3b;

const introducers = classOf('[]()#;?');
const words = classOf('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789;');
const digits = classOf('0123456789');
const finals = classOf('0123456789ABCDEFGHIJKLMNOPRZcfghijklmnqrty=><~');

/** Digits of one number of a sequence. */
const maxDigits = 4;

/** The line itself when there is nothing to remove. */
export function stripAnsi(line: Buffer): Buffer {
  if (!line.includes(escapeByte) && !line.includes(c1Control)) return line;
  const kept = Buffer.allocUnsafe(line.length);
  let length = 0;
  let at = 0;
  while (at < line.length) {
    const end = sequenceEnd(line, at);
    if (end > at) {
      at = end;
    } else {
      kept[length] = line[at] ?? 0;
      length += 1;
      at += 1;
    }
  }
  return kept.subarray(0, length);
}

/** Where the sequence that starts at `at` ends; `at` when none does. */
function sequenceEnd(line: Buffer, at: number): number {
  let next = at;
  if (line[at] === escapeByte) next += 1;
  else if (line[at] === c1Lead && line[at + 1] === c1Control) next += 2;
  else return at;
  while (isIn(introducers, line[next])) next += 1;
  const title = titleEnd(line, next);
  if (title !== undefined) return title;
  return numbersEnd(line, next) ?? at;
}

/** Letters, digits and `;` up to a BEL, as in the title of a window. */
function titleEnd(line: Buffer, from: number): number | undefined {
  let next = from;
  while (isIn(words, line[next])) next += 1;
  return line[next] === bell ? next + 1 : undefined;
}

/** Numbers with `;` between and a final character. Where that is missing, the last digit stands for it. */
function numbersEnd(line: Buffer, from: number): number | undefined {
  let next = from;
  if (isIn(digits, line[next])) {
    next = digitsEnd(line, next);
    while (line[next] === semicolon) next = digitsEnd(line, next + 1);
  }
  if (isIn(finals, line[next])) return next + 1;
  while (next > from && line[next - 1] === semicolon) next -= 1;
  return next > from ? next : undefined;
}

function digitsEnd(line: Buffer, from: number): number {
  let next = from;
  while (next < from + maxDigits && isIn(digits, line[next])) next += 1;
  return next;
}

function classOf(characters: string): Uint8Array {
  const members = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) members[byte] = 1;
  return members;
}

function isIn(members: Uint8Array, byte: number | undefined): boolean {
  return byte !== undefined && members[byte] === 1;
}
