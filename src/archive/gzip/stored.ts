// Deflate without compression (RFC 1951, 3.2.4): nothing but copies, faster than any library's level 0.

const maxBlockBytes = 65_535;

/** Of one stored block: its type in a byte of its own, the length, the length inverted. */
const blockHeaderBytes = 5;

/** Writes one whole deflate stream. Answers its bytes. */
export function store(input: Buffer, output: Buffer): number {
  let to = 0;
  let from = 0;
  do {
    const bytes = Math.min(maxBlockBytes, input.length - from);
    const last = from + bytes === input.length;
    output[to] = last ? 1 : 0;
    output.writeUInt16LE(bytes, to + 1);
    output.writeUInt16LE(bytes ^ 0xffff, to + 3);
    input.copy(output, to + blockHeaderBytes, from, from + bytes);
    to += blockHeaderBytes + bytes;
    from += bytes;
  } while (from < input.length);
  return to;
}
