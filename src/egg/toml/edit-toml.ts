// The parser `toml`: edited in place. The result is read again before it is believed.
import { type EggContext, EggFileError } from '../config-file.ts';
import type { Edit, Notes } from '../edit.ts';
import { lineBreakOf } from '../splice.ts';
import { byteOrderMark, decodeUtf8 } from '../text.ts';
import { editTree } from '../tree/edit-tree.ts';
import { sameTree } from '../tree/same-tree.ts';
import { hasChanges, type MapNode, type Slot } from '../tree/tree.ts';
import { readToml, type TomlOrigin } from './read-toml.ts';
import { isTomlDate } from './scan-toml.ts';
import { writeToml } from './write-toml.ts';

/** @throws EggFileError */
export function editToml(content: Buffer, edits: readonly Edit[], { flavour }: EggContext, notes: Notes): Buffer {
  const original = decodeUtf8(content);
  const lineBreak = lineBreakOf(original);
  const complete = original === '' || original === byteOrderMark || original.endsWith('\n');
  const text = complete ? original : original + lineBreak;
  const file = readToml(text);
  editTree(file.root, edits, { flavour, notes, refuseReplacing, refuseAdding, isDate: isTomlDate });
  if (!hasChanges(file.root)) return content;
  const edited = writeToml(text, file, lineBreak);
  if (!sameTree(file.root.node, readToml(edited).root.node)) {
    throw new EggFileError('the file has a layout that cannot be edited in place');
  }
  return Buffer.from(edited);
}

function refuseReplacing({ origin, original }: Slot<TomlOrigin>): string | undefined {
  return original && (!origin || origin.end === 0) ? 'a table stands there' : undefined;
}

function refuseAdding(map: MapNode<TomlOrigin>): string | undefined {
  const table = map.origin?.table;
  if (!table) return undefined;
  const { form, inList, body } = table;
  if (form === 'implied' && inList) return 'nothing can be added to a table without a header in a list of tables';
  return form === 'dotted' && body.inline ? 'nothing can be added to dotted keys within braces' : undefined;
}
