// Runs a program without a shell and keeps its output for the case that it fails.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from './step.mjs';

const shownLines = 15;

/**
 * Resolves with what the program printed to standard output; rejects with a SetupError that ends with its last lines.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const stdout = [];
    const all = [];
    child.stdout.on('data', (chunk) => {
      stdout.push(chunk);
      all.push(chunk);
    });
    child.stderr.on('data', (chunk) => all.push(chunk));
    child.on('error', (error) =>
      reject(new SetupError(`${program} could not be run: ${error.message}`, { cause: error })),
    );
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(Buffer.concat(stdout).toString());
        return;
      }
      const tail = Buffer.concat(all).toString().trimEnd().split('\n').slice(-shownLines).join('\n  ');
      reject(new SetupError(`\`${program} ${args.join(' ')}\` ended with ${signal ?? `code ${code}`}:\n  ${tail}`));
    });
  });
}

/** Absolute path of a program, or undefined. System directories are looked at too: a user's PATH often lacks them. */
export function findProgram(name) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories
    .filter(Boolean)
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
