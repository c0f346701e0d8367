// The documents as tests read them: code blocks with what is to be done with them, and links.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './source-files.ts';

export interface CommandBlock {
  /** Of the block, from 1. */
  line: number;
  /** `sh`: for a shell. `text`: typed at a prompt, and what is answered. */
  language: string;
  /** What the comment `<!-- test: … -->` above the block says; empty without one. */
  mark: string;
  commands: string;
}

export function readDocument(path: string): string {
  return readFileSync(join(checkout, path), 'utf8');
}

/** Every ```sh and ```text block of a document, in order. */
export function commandBlocks(text: string): CommandBlock[] {
  return [...text.matchAll(/(?:^<!-- test: ([^\n]*?) -->\n)?^```(sh|text)\n([\s\S]*?)^```$/gm)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length,
    mark: match[1] ?? '',
    language: match[2] ?? '',
    commands: match[3] ?? '',
  }));
}

/** Targets of links to files of the project, without the part behind `#`. */
export function fileLinks(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}
