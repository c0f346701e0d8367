// The objects that `-f` names: a file, a directory of files, or standard input; YAML of several documents, JSON, Lists.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseAllDocuments } from 'yaml';
import { apiVersionOf, findKind, type KindDefinition, kindDefinitions } from '../resources/kinds.ts';
import { CliError } from './exit-codes.ts';
import type { Io } from './io.ts';

export interface FileObject {
  kind: KindDefinition;
  name: string;
  object: Record<string, unknown>;
  /** `FILE:LINE`. */
  place: string;
}

const maxBytes = 16 * 1024 * 1024;
/** Enough for shared settings, too few for a bomb. */
const maxAliases = 100;
const fileName = /^[^.].*\.(ya?ml|json)$/;

/** In their order. A document that cannot be read is an error in its place. @throws CliError when a file cannot be read */
export async function objectsOf(io: Io, paths: readonly string[]): Promise<(FileObject | CliError)[]> {
  const found: (FileObject | CliError)[] = [];
  for (const path of paths) {
    for (const file of await filesOf(path)) {
      const label = file === '-' ? 'standard input' : file;
      const text = file === '-' ? await readStdin(io) : await readText(file);
      const documents = fileObjects(label, text);
      if (documents.length === 0) found.push(new CliError(`There is no object in ${label}.`));
      found.push(...documents);
    }
  }
  return found;
}

async function filesOf(path: string): Promise<string[]> {
  if (path === '-') return [path];
  const facts = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!facts.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => fileName.test(name)).sort();
  if (names.length === 0) throw new CliError(`The directory ${path} holds no .yaml, .yml or .json file.`);
  return names.map((name) => join(path, name));
}

function fileObjects(label: string, text: string): (FileObject | CliError)[] {
  const lines = new LineCounter();
  const lineAt = (offset = 0) => `${label}:${Math.max(1, lines.linePos(offset).line)}`;
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  return [...documents].flatMap((document) => {
    const [wrong] = document.errors;
    if (wrong)
      return [new CliError(`${lineAt(wrong.pos[0])}: this is not valid YAML: ${wrong.message}.`, { cause: wrong })];
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    if (value === null) return []; // only comments
    const place = lineAt(document.contents?.range?.[0]);
    const { kind, items } = value as { kind?: unknown; items?: unknown };
    return kind === 'List' && Array.isArray(items)
      ? items.map((item) => fileObject(place, item))
      : [fileObject(place, value)];
  });
}

function fileObject(place: string, value: unknown): FileObject | CliError {
  const object = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { apiVersion, kind: word, metadata } = object;
  const kind = typeof word === 'string' ? findKind(word) : undefined;
  if (!kind || apiVersionOf(kind) !== apiVersion) {
    const known = kindDefinitions.map((one) => `${one.kind} (${apiVersionOf(one)})`).join(', ');
    return new CliError(
      `${place}: there is no kind ${JSON.stringify(word ?? '')} in ${JSON.stringify(apiVersion ?? '')}; the kinds are ${known}.`,
    );
  }
  const { name } = (metadata ?? {}) as { name?: unknown };
  if (typeof name !== 'string' || name === '') return new CliError(`${place}: metadata.name is missing.`);
  return { kind, name, object, place };
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > maxBytes) throw new CliError(`The file ${path} is larger than ${maxBytes} bytes.`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw error instanceof CliError ? error : unreadable(path, error);
  }
}

async function readStdin({ stdin }: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    length += (chunk as Buffer).length;
    if (length > maxBytes) throw new CliError(`Standard input is larger than ${maxBytes} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unreadable(path: string, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT' ? 'it does not exist' : error instanceof TypeError ? 'it is not UTF-8 text' : (code ?? message);
  return new CliError(`The file ${path} cannot be read: ${why}.`, { cause: error });
}
