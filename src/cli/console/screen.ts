// The two faces of a console: on a terminal, output above and the line that is being typed below it; elsewhere, lines.
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import { type Io, styled } from '../io.ts';
import { safeLine } from '../safe-text.ts';

export interface Screen {
  line(text: string): void;
  /** Of this program or of the node, not of the game. */
  notice(text: string): void;
  close(): void;
}

export interface TypingScreenOptions {
  io: Io;
  onLine(line: string): void;
  /** Ctrl-C or Ctrl-D. */
  onLeave(): void;
}

const historySize = 500;

export function typingScreen({ io, onLine, onLeave }: TypingScreenOptions): Screen {
  const { stdin, stdout } = io;
  const input: Interface = createInterface({ input: stdin, output: stdout, terminal: true, prompt: '> ', historySize });
  let waiting: string[] = [];
  let scheduled = false;
  let closed = false;

  /** A burst of lines is one write. */
  const flush = () => {
    scheduled = false;
    if (waiting.length === 0) return;
    const text = `${waiting.join('\n')}\n`;
    waiting = [];
    if (closed) return void stdout.write(text);
    moveCursor(stdout, 0, -input.getCursorPos().rows);
    cursorTo(stdout, 0);
    clearScreenDown(stdout);
    stdout.write(text);
    // The line is drawn anew from here; readline would first go up to where it was.
    (input as { prevRows?: number }).prevRows = 0;
    input.prompt(true);
  };
  const show = (text: string) => {
    waiting.push(text);
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  input.on('line', (line) => {
    if (line.trim() !== '') onLine(line);
    input.prompt();
  });
  input.on('SIGINT', onLeave);
  input.on('close', onLeave);
  input.prompt();
  return {
    line: (text) => show(shown(text)),
    notice: (text) => show(styled(io, stdout, 'dim', `-- ${safeLine(text)}`)),
    close() {
      if (closed) return;
      flush();
      closed = true;
      // What was typed and not sent is taken off the screen.
      moveCursor(stdout, 0, -input.getCursorPos().rows);
      cursorTo(stdout, 0);
      clearScreenDown(stdout);
      input.close();
      stdin.pause();
      flush();
    },
  };
}

export function plainScreen(io: Io): Screen {
  return {
    line: (text) => void io.stdout.write(`${shown(text, io.stdout.isTTY)}\n`),
    notice: (text) => void io.stderr.write(`${styled(io, io.stderr, 'dim', `-- ${safeLine(text)}`)}\n`),
    close() {},
  };
}

/** One event can hold several screen lines. */
function shown(text: string, colors = true): string {
  return text
    .split(/\r?\n/)
    .map((line) => safeLine(line, { colors }))
    .join('\n');
}
