// Writes a tar archive (ustar) of a few small entries in memory: what an imported image consists of.
const blockSize = 512;

/**
 * @typedef {{ name: string, mode: number, content: Buffer } | { name: string, linkTo: string } | { name: string, mode: number }} TarEntry
 * A file, a symbolic link or, when neither content nor target is given, a directory.
 */

/**
 * Entries belong to root and carry the epoch as their time, so that equal input gives equal bytes.
 * @param {TarEntry[]} entries names are at most 100 bytes
 * @returns {Buffer}
 */
export function tarOf(entries) {
  const blocks = entries.flatMap((entry) => [header(entry), entry.content ? padded(entry.content) : Buffer.alloc(0)]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockSize)]);
}

function header({ name, mode = 0o777, content, linkTo }) {
  const block = Buffer.alloc(blockSize);
  const type = content ? '0' : linkTo ? '2' : '5';
  if (Buffer.byteLength(name) > 100 || Buffer.byteLength(linkTo ?? '') > 100)
    throw new RangeError(`name too long for ustar: ${name}`);
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108); // uid
  block.write(octal(0, 7), 116); // gid
  block.write(octal(content?.length ?? 0, 11), 124);
  block.write(octal(0, 11), 136); // time
  block.write(' '.repeat(8), 148); // the checksum counts its own field as blanks
  block.write(type, 156);
  block.write(linkTo ?? '', 157);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\u0000 `, 148);
  return block;
}

function octal(value, digits) {
  return value.toString(8).padStart(digits, '0');
}

function padded(content) {
  return Buffer.concat([content, Buffer.alloc((blockSize - (content.length % blockSize)) % blockSize)]);
}
