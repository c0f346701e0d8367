// The records of a PAX extended header: `<length> <key>=<value>` and a newline, the length counting itself. Values are
// bytes. POSIX.1-2008, "pax Extended Header".
import { ArchiveError } from '../runner.ts';

export interface PaxRecord {
  key: string;
  value: Buffer;
}

export interface Time {
  seconds: number;
  nanoseconds: number;
}

const space = 0x20;
const equals = 0x3d;
const newline = 0x0a;
const longestLength = 20;
const longestKey = 1024;

/** In their order, keys more than once included. @throws ArchiveError DAMAGED */
export function* paxRecords(payload: Buffer): Generator<PaxRecord, void, undefined> {
  for (let at = 0; at < payload.length; ) {
    const gap = payload.subarray(at, at + longestLength).indexOf(space);
    const length = gap > 0 ? wholeNumber(payload.subarray(at, at + gap)) : undefined;
    if (length === undefined || length <= gap + 1 || length > payload.length - at) throw malformed();
    const record = payload.subarray(at + gap + 1, at + length - 1);
    if (payload[at + length - 1] !== newline) throw malformed();
    const mark = record.subarray(0, longestKey).indexOf(equals);
    if (mark <= 0) throw malformed();
    yield { key: record.toString('latin1', 0, mark), value: record.subarray(mark + 1) };
    at += length;
  }
}

/** @throws ArchiveError DAMAGED */
export function paxSize(value: Buffer): number {
  const size = wholeNumber(value);
  if (size === undefined) throw malformed();
  return size;
}

/** Decimal, with a sign and a fraction if need be; digits beyond nanoseconds are cut. @throws ArchiveError DAMAGED */
export function paxTime(value: Buffer): Time {
  const match = /^(-?)(\d{1,15})(?:\.(\d{0,64}))?$/.exec(value.toString('latin1'));
  if (!match) throw malformed();
  const [, sign, whole = '0', fraction = ''] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** `undefined`: not one, or more than a double holds exactly. */
export function wholeNumber(digits: Buffer): number | undefined {
  if (digits.length === 0 || digits.length > longestLength) return undefined;
  let value = 0;
  for (const byte of digits) {
    if (byte < 0x30 || byte > 0x39) return undefined;
    value = value * 10 + byte - 0x30;
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

function malformed(): ArchiveError {
  return new ArchiveError('DAMAGED', 'an extended header of the archive is malformed');
}
