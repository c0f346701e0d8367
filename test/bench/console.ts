// Lines a second through the splitter, against splitting strings: node test/bench/console.ts
import { LineRing } from '../../src/console/line-ring.ts';
import { LineSplitter } from '../../src/console/line-splitter.ts';
import { figure } from './support/figure.ts';

const line = '[12:34:56] [Server thread/INFO]: Steve joined the game at (102.5, 64.0, -33.1)\r\n';
const lineCount = 200_000;
const chunkBytes = 32 * 1024;

const input = Buffer.from(line.repeat(lineCount));
const chunks: Buffer[] = [];
for (let at = 0; at < input.length; at += chunkBytes) chunks.push(input.subarray(at, at + chunkBytes));

function measure(name: string, run: () => number): void {
  run();
  const start = performance.now();
  const lines = run();
  const seconds = (performance.now() - start) / 1000;
  figure({ what: `console lines, ${name}`, value: lines / seconds, unit: '/s' });
}

measure('splitter', () => {
  const splitter = new LineSplitter();
  let lines = 0;
  for (const chunk of chunks) lines += splitter.push(chunk).length;
  return lines + splitter.flush().length;
});

measure('splitter, text and ring', () => {
  const splitter = new LineSplitter();
  const ring = new LineRing({ maxLines: 150, maxBytes: 1024 * 1024 });
  let lines = 0;
  for (const chunk of chunks) {
    for (const bytes of splitter.push(chunk)) {
      ring.push(bytes.toString('utf8'));
      lines += 1;
    }
  }
  return lines;
});

measure('naive: string and split', () => {
  let rest = '';
  let lines = 0;
  for (const chunk of chunks) {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.replace(/\r$/, '').replaceAll(' \r', '\r\n').length > 0) lines += 1;
  }
  return lines;
});

measure('one line of 16 MB, in chunks', () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.alloc(4096, 'x');
  let lines = 0;
  for (let i = 0; i < 4096; i++) lines += splitter.push(chunk).length;
  return lines + splitter.flush().length;
});
