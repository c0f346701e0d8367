// The file in a server's root that says what stays out of its backups. It is the server's, so it may be anything: only a
// small regular file is read, and reading never waits. Wings follows a link to a file within the root; here a link is
// no regular file, as at the end of any other path.
import { closeSync } from 'node:fs';
import { errorCode } from './errors.ts';
import { maxRulesBytes } from './ignore-rules.ts';
import type { OpenDirectory, OpenFile } from './open-directory.ts';
import { readOpenFile } from './read-open-file.ts';

export interface IgnoreFile {
  /** Empty where no file can be used. */
  lines: Buffer;
  /** Sentences on the files that were there and could not be used. */
  warnings: string[];
}

/** The first of these files that can be used. */
export function readIgnoreFile(root: OpenDirectory, names: readonly string[]): IgnoreFile {
  const warnings: string[] = [];
  for (const name of names) {
    const found = readIfUsable(root, name);
    if (Buffer.isBuffer(found)) return { lines: found, warnings };
    if (found) warnings.push(`${name} was not used: ${found}`);
  }
  return { lines: Buffer.alloc(0), warnings };
}

/** Its content, or why it cannot be used; `undefined`: there is none. */
function readIfUsable(root: OpenDirectory, name: string): Buffer | string | undefined {
  const entry = Buffer.from(name);
  try {
    const file = root.openRegular(entry);
    if (file) return contentOf(file);
    return root.lstat(entry) ? 'it is not a regular file' : undefined;
  } catch (error) {
    return `it could not be read (${errorCode(error) ?? error})`;
  }
}

function contentOf(file: OpenFile): Buffer | string {
  if (file.stat.size <= maxRulesBytes) return readOpenFile(file);
  closeSync(file.fd);
  return `it holds more than ${maxRulesBytes / 1024} KiB`;
}
