// The parser `yaml`: the first document of the file, edited in place. The result is read again before it is believed.
import { type EggContext, EggFileError } from '../config-file.ts';
import type { Edit, Notes } from '../edit.ts';
import { lineBreakOf } from '../splice.ts';
import { decodeUtf8 } from '../text.ts';
import { editTree } from '../tree/edit-tree.ts';
import { sameTree } from '../tree/same-tree.ts';
import { hasChanges } from '../tree/tree.ts';
import { readYaml } from './read-yaml.ts';
import { writeYaml } from './write-yaml.ts';

/** @throws EggFileError */
export function editYaml(content: Buffer, edits: readonly Edit[], { flavour }: EggContext, notes: Notes): Buffer {
  const text = decodeUtf8(content);
  const file = readYaml(text);
  editTree(file.root, edits, {
    flavour,
    notes,
    refuseReplacing: ({ origin }) => (origin?.bound ? 'it has a tag, or others refer to it by an anchor' : undefined),
  });
  if (!hasChanges(file.root)) return content;
  if (file.root.node.kind === 'list') throw new EggFileError('a YAML file must hold a mapping');
  const edited = writeYaml(text, file, lineBreakOf(text));
  if (!sameTree(file.root.node, readYaml(edited).root.node)) {
    throw new EggFileError('the file has a layout that cannot be edited in place');
  }
  return Buffer.from(edited);
}
