// Runs a program to its end for a test and tells everything it said.
import { spawn } from 'node:child_process';

export interface Ending {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  input?: string;
  /** Milliseconds until it is killed; default 60,000. */
  timeout?: number;
}

/** Resolves whatever the exit code is; `code` is null when a signal ended it. */
export function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ending> {
  const { input, timeout = 60_000, ...rest } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...rest, timeout, killSignal: 'SIGKILL', stdio: ['pipe', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
    child.stdin.on('error', () => {}); // a program may end without reading
    child.stdin.end(input);
  });
}
