// Streams in memory for commands under test: what they print can be read, what they read can be given.
import { PassThrough } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';

export interface TestIo extends Io {
  out(): string;
  err(): string;
}

export function testIo({
  input = '',
  terminal = false,
  env = {},
}: {
  input?: string;
  terminal?: boolean;
  env?: Record<string, string>;
} = {}): TestIo {
  const texts = { out: '', err: '' };
  const writer = (name: 'out' | 'err') => {
    const stream = new PassThrough();
    stream.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
    return Object.assign(stream, { isTTY: terminal, columns: 100 }) as unknown as NodeJS.WriteStream;
  };
  const stdin = new PassThrough();
  stdin.end(input);
  return {
    stdin: Object.assign(stdin, { isTTY: terminal }) as unknown as NodeJS.ReadStream,
    stdout: writer('out'),
    stderr: writer('err'),
    env,
    gone: new AbortController().signal,
    out: () => texts.out,
    err: () => texts.err,
  };
}
