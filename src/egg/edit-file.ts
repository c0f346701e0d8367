// One configuration file of a server: found below the root, edited, put back whole. Runs in a thread; the file has its old
// content or its new one, with the owner and mode it had, and a file that cannot be edited is not touched.
import { writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { VolumeError } from '../volumes/errors.ts';
import { OpenDirectory } from '../volumes/open-directory.ts';
import type { Owner } from '../volumes/owner.ts';
import { RootedFileSystem } from '../volumes/rooted-file-system.ts';
import { applyConfigFile, maxFileBytes } from './apply-config-file.ts';
import { type EggConfigFile, type EggContext, EggFileError, parserOf } from './config-file.ts';
import { resolveFileName } from './placeholders.ts';

export interface EggFileTask {
  /** The server's root, absolute. What stands there is a directory and no link, or nothing is done. */
  directory: string;
  /** Whom new files and directories belong to. */
  owner: Owner;
  config: EggConfigFile;
  context: EggContext;
}

export interface EggFileResult {
  result: 'written' | 'unchanged' | 'skipped' | 'failed';
  /** Why it was skipped or failed, for people. Holds no value of a file. */
  reason?: string;
  notes: string[];
}

interface Existing {
  content: Buffer;
  owner: Owner;
}

/** `onEdited`: what is left is to write. Never throws: what went wrong is in the result. */
export function editFile(task: EggFileTask, onEdited: () => void): EggFileResult {
  try {
    using parent = OpenDirectory.open(dirname(task.directory));
    using root = parent.enter(Buffer.from(basename(task.directory)));
    if (!root) return failed('the server has no directory');
    return editBelow(root, task, onEdited);
  } catch (error) {
    return failed(reasonOf(error));
  }
}

function editBelow(root: OpenDirectory, { config, context, owner }: EggFileTask, onEdited: () => void): EggFileResult {
  const parser = parserOf(config.parser);
  if (!parser) return { result: 'skipped', reason: `there is no parser ${JSON.stringify(config.parser)}`, notes: [] };
  const path = resolveFileName(config.file, context.environment);
  const existing = readExisting(new RootedFileSystem(root, owner), path);
  if (!existing && config.createFile === false) return { result: 'skipped', notes: [] };
  const input = { content: existing?.content ?? Buffer.alloc(0), parser, replace: config.replace, context };
  const { content, changed, notes } = applyConfigFile(input);
  if (existing && !changed) return { result: 'unchanged', notes };
  onEdited();
  const files = new RootedFileSystem(root, existing?.owner ?? owner);
  using file = files.replace(path, { parents: !existing });
  writeAll(file.fd, content);
  file.commit();
  return { result: 'written', notes };
}

/** `undefined`: there is no such file. @throws VolumeError for anything that is no regular file of a size that is edited */
function readExisting(files: RootedFileSystem, path: string): Existing | undefined {
  try {
    const { uid, gid } = files.stat(path);
    return { content: files.read(path, maxFileBytes), owner: { uid, gid } };
  } catch (error) {
    if (error instanceof VolumeError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function writeAll(fd: number, content: Buffer): void {
  for (let written = 0; written < content.length; ) written += writeSync(fd, content, written);
}

function failed(reason: string): EggFileResult {
  return { result: 'failed', reason, notes: [] };
}

function reasonOf(error: unknown): string {
  if (error instanceof EggFileError || error instanceof VolumeError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
