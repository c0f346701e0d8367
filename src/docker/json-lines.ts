// Splits a stream into JSON values, one a line. Never holds more than one line, and a line has a bound.
import { unreadable } from './answer.ts';
import { DockerError } from './engine.ts';

const newline = 0x0a;

/** @throws DockerError when a line is longer than `maxBytes` or is not JSON */
export async function* jsonLines(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<unknown> {
  let pieces: Buffer[] = [];
  let length = 0;
  const add = (piece: Buffer) => {
    length += piece.length;
    if (length > maxBytes) throw new DockerError(200, `a line of Docker's answer is longer than ${maxBytes} bytes`);
    pieces.push(piece);
  };
  const take = () => {
    const line = Buffer.concat(pieces).toString('utf8').trim();
    pieces = [];
    length = 0;
    return line;
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      add(chunk.subarray(start, end));
      const line = take();
      if (line) yield parse(line);
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  const rest = take();
  if (rest) yield parse(rest);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw unreadable(200, `a line of Docker's answer is not JSON: ${line.slice(0, 80)}`, error);
  }
}
