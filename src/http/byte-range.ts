// The Range header of a GET, as far as a download needs it: one range of bytes. Pure.

export interface ByteRange {
  /** Both included. */
  start: number;
  end: number;
}

/**
 * `all`: there is no range, or none that is understood (several, another unit), which a server may pass over.
 * `none`: no byte of it exists.
 */
export function byteRange(header: string | undefined, size: number): ByteRange | 'all' | 'none' {
  const [, first, last] = /^bytes=(\d{0,16})-(\d{0,16})$/i.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'all';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'none' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'all';
  if (start >= size) return 'none';
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
