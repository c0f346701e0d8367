// One configuration file, from bytes to bytes: no disk, no clock, nothing evaluated. Whoever calls it gives it a thread and
// a time limit, for a hostile file can make it slow but nothing else.
import { type EggConfigFile, type EggContext, EggFileError, type ParserName } from './config-file.ts';
import { type Edit, Notes, readyEdits } from './edit.ts';
import { editJson } from './json/edit-json.ts';
import { editIni } from './lines/edit-ini.ts';
import { editLines } from './lines/edit-lines.ts';
import { editProperties } from './lines/edit-properties.ts';
import { refuseUtf16 } from './text.ts';
import { editToml } from './toml/edit-toml.ts';
import { editXml } from './xml/edit-xml.ts';
import { editYaml } from './yaml/edit-yaml.ts';

/** Of a file that is edited, in bytes. */
export const maxFileBytes = 64 * 1024 * 1024;

export interface ConfigFileInput {
  /** Nothing for a file that does not exist yet. */
  content: Buffer;
  parser: ParserName;
  replace: EggConfigFile['replace'];
  context: EggContext;
}

export interface ConfigFileResult {
  content: Buffer;
  /** Some byte is different. */
  changed: boolean;
  /** Sentences on what was not carried out. They hold no values. */
  notes: string[];
}

/** @throws EggFileError when the file cannot be edited */
export function applyConfigFile({ content, parser, replace, context }: ConfigFileInput): ConfigFileResult {
  if (content.length > maxFileBytes) throw new EggFileError(`the file holds more than ${maxFileBytes} bytes`);
  refuseUtf16(content);
  const notes = new Notes();
  const edits = readyEdits(replace, parser, context, notes);
  const edited = edits.length === 0 ? content : edit(content, parser, edits, context, notes);
  return { content: edited, changed: !edited.equals(content), notes: notes.list };
}

function edit(content: Buffer, parser: ParserName, edits: readonly Edit[], context: EggContext, notes: Notes): Buffer {
  switch (parser) {
    case 'file':
      return editLines(content, edits, context);
    case 'properties':
      return editProperties(content, edits, notes);
    case 'ini':
      return editIni(content, edits, notes);
    case 'json':
      return editJson(content, edits, context, notes);
    case 'yaml':
      return editYaml(content, edits, context, notes);
    case 'toml':
      return editToml(content, edits, context, notes);
    case 'xml':
      return editXml(content, edits, notes);
  }
}
