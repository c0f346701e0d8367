// A program in a terminal of its own: what it prints can be waited for, keys can be pressed. Uses script(1), which
// makes the pseudo terminal.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { stripVTControlCharacters } from 'node:util';

export const ctrlC = '\u0003';

const scriptProgram = '/usr/bin/script';

/** For `{ skip: needsTerminal() }`. */
export function needsTerminal(): string | false {
  return existsSync(scriptProgram) ? false : 'needs script';
}

export interface Terminal {
  /** Everything printed so far, line ends as a file has them. */
  output(): string;
  /** Resolves when the text appears behind the first `from` characters; rejects when the program ends or the time is over. */
  waitFor(text: string, options: { ms: number; from?: number }): Promise<void>;
  /** The same for a whole line, without colours; other lines may come before it. Answers where what follows begins. */
  waitForLine(line: RegExp, options: { ms: number; from?: number }): Promise<number>;
  press(keys: string): void;
  /** Resolves with the program's exit code. */
  ended: Promise<number | null>;
}

export interface TerminalOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
}

/** `command` is for bash. The terminal is closed at the end of the test. */
export function openTerminal(t: TestContext, command: string, options: TerminalOptions): Terminal {
  const child = spawn(scriptProgram, ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    ...options,
    // script(1) starts this one. The shell of whoever runs the tests may end by a signal that its program took well.
    env: { ...options.env, SHELL: '/bin/bash' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  const listeners = new Set<() => void>();
  const notify = () => {
    for (const listener of listeners) listener();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part.replaceAll('\r\n', '\n');
      notify();
    });
  }
  child.stdin.on('error', () => {}); // the program may be gone when a key is pressed

  let over = false;
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      over = true;
      notify();
      resolve(code);
    });
  });
  t.after(() => void child.kill('SIGKILL'));

  const until = <T>(wanted: string, ms: number, find: () => T | undefined) =>
    new Promise<T>((resolve, reject) => {
      const give = (why: string) => finish(() => reject(new Error(`${why} without "${wanted}". It printed:\n${text}`)));
      const timer = setTimeout(() => give(`${ms} ms passed`), ms);
      const finish = (how: () => void) => {
        clearTimeout(timer);
        listeners.delete(look);
        how();
      };
      const look = () => {
        const found = find();
        if (found !== undefined) finish(() => resolve(found));
        else if (over) give('It ended');
      };
      listeners.add(look);
      look();
    });
  const waitFor: Terminal['waitFor'] = async (wanted, { ms, from = 0 }) => {
    await until(wanted, ms, () => text.includes(wanted, from) || undefined);
  };
  const waitForLine: Terminal['waitForLine'] = (line, { ms, from = 0 }) =>
    until(String(line), ms, () => {
      let end = from;
      for (const part of text.slice(from).split(/(?<=[\r\n])/)) {
        end += part.length;
        if (/[\r\n]$/.test(part) && line.test(stripVTControlCharacters(part).trimEnd())) return end;
      }
      return undefined;
    });

  return { output: () => text, waitFor, waitForLine, press: (keys) => void child.stdin.write(keys), ended };
}
