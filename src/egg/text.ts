// Bytes of a file as text and back. Formats whose syntax is ASCII are edited as one character a byte, so bytes that are
// no UTF-8 survive in what is not touched.
import { EggFileError } from './config-file.ts';

export const byteOrderMark = '\ufeff';

/** The same mark with one character a byte. */
export const binaryByteOrderMark = '\xef\xbb\xbf';

/** A byte-order mark at the start stays in it. @throws EggFileError */
export function decodeUtf8(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new EggFileError('the file is not UTF-8', { cause });
  }
}

/** One character a byte. */
export function decodeBinary(content: Buffer): string {
  return content.toString('latin1');
}

export function encodeBinary(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A text as its UTF-8 bytes, one character each. */
export function toBinary(text: string): string {
  if (isAscii(text)) return text;
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function fromBinary(binary: string): string {
  if (isAscii(binary)) return binary;
  return Buffer.from(binary, 'latin1').toString('utf8');
}

/** @throws EggFileError: none of the parsers could find its way */
export function refuseUtf16(content: Buffer): void {
  const [first, second] = content;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new EggFileError('the file is UTF-16');
  }
}

export function isAscii(text: string): boolean {
  return !/[\u0080-\uffff]/.test(text);
}
