// The parser `json`: keeps order, numbers and escapes, and lays the file out anew when something changed.
import type { EggContext } from '../config-file.ts';
import type { Edit, Notes } from '../edit.ts';
import { lineBreakOf } from '../splice.ts';
import { byteOrderMark, decodeUtf8 } from '../text.ts';
import { editTree } from '../tree/edit-tree.ts';
import { hasChanges } from '../tree/tree.ts';
import { readJson } from './read-json.ts';
import { writeJson } from './write-json.ts';

/** @throws EggFileError */
export function editJson(content: Buffer, edits: readonly Edit[], { flavour }: EggContext, notes: Notes): Buffer {
  const text = decodeUtf8(content);
  const root = readJson(text);
  editTree(root, edits, { flavour, notes });
  if (!hasChanges(root)) return content;
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark : '';
  return Buffer.from(mark + writeJson(root, lineBreakOf(text)));
}
