// The project's own TypeScript as text: which files there are and what each imports. For tests of the layout.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const checkout = join(import.meta.dirname, '../..');

export interface SourceFile {
  /** Below the checkout, with forward slashes. */
  path: string;
  text: string;
  /** Without comments; the text of string literals stays. */
  code: string;
  imports: Import[];
}

export interface Import {
  specifier: string;
  /** Path below the checkout of a relative import, undefined for a package. */
  target?: string;
  /** Erased when the file runs. */
  typeOnly: boolean;
  dynamic: boolean;
}

export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`${folder}/${name}`)),
  );
}

function read(path: string): SourceFile {
  const text = readFileSync(join(checkout, path), 'utf8');
  const code = withoutComments(text);
  return { path, text, code, imports: importsOf(path, code) };
}

/** Removes comments with one pass over the tokens that could hide or look like one: strings, templates and expressions. */
export function withoutComments(text: string): string {
  const tokens =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//g;
  return text.replace(tokens, (token) => (token.startsWith('//') || token.startsWith('/*') ? '' : token));
}

function importsOf(path: string, code: string): Import[] {
  const statement = /^[ \t]*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
  const call = /\bimport\(\s*['"]([^'"]+)['"]/g;
  const found = [
    ...[...code.matchAll(statement)].map(([, , type, specifier]) => ({ specifier, typeOnly: type !== undefined })),
    ...[...code.matchAll(call)].map(([, specifier]) => ({ specifier, typeOnly: false, dynamic: true })),
  ];
  return found.map(({ specifier = '', ...rest }) => ({
    specifier,
    dynamic: false,
    ...rest,
    ...(specifier.startsWith('.') ? { target: normalize(join(dirname(path), specifier)) } : {}),
  }));
}
