// A log record as one line for a person at a terminal. Programs get the JSON.

const levels: Record<number, string> = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO ', 40: 'WARN ', 50: 'ERROR', 60: 'FATAL' };

/** Said by every line or of no use on a terminal. */
const leftOut = new Set(['level', 'time', 'msg', 'pid', 'hostname']);

/** `record` is a line of JSON as the logger writes it; anything else is answered unchanged. */
export function textLine(record: string): string {
  const fields = fieldsOf(record);
  const at = new Date(typeof fields?.['time'] === 'number' ? fields['time'] : Number.NaN);
  if (!fields || Number.isNaN(at.getTime())) return record;
  const time = at.toISOString().slice(11, 23);
  const level = levels[Number(fields['level'])] ?? 'INFO ';
  const rest = Object.entries(fields)
    .filter(([name]) => !leftOut.has(name))
    .map(([name, value]) => `${name}=${visible(short(value))}`);
  return `${[time, level, visible(String(fields['msg'])), ...rest].join(' ')}\n`;
}

function fieldsOf(record: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(record);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function short(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) return JSON.stringify(String(value.message));
  if (typeof value === 'string') return /^[\w./:@~-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}

/** Text from games and file names must not steer the terminal: no control characters, no invisible formatting. */
function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
