// The configuration files of an egg as the Panel sends them: one bad replacement or file is left out and said, the others
// stay. Pure.
import type { ServerSpec } from '../resources/server.ts';
import { fieldsOf, listOf, textOf } from './read-value.ts';

export type ConfigFile = NonNullable<ServerSpec['egg']['configs']>[number];
type Replacement = ConfigFile['replace'][number];

/** Bytes of JSON of one new value; a whole configuration file would be smaller. */
const mostValueBytes = 65_536;

export function configFilesOf(given: unknown, notes: string[]): ConfigFile[] {
  return listOf(given).flatMap((one, index) => {
    const { file, parser, replace, create_file } = fieldsOf(one);
    const [path, name] = [textOf(file), textOf(parser)];
    if (!path || !name) {
      notes.push(`Configuration file ${index + 1} of the egg is left out: it names no file or no parser.`);
      return [];
    }
    return [
      {
        file: path,
        parser: name,
        // Whatever is no boolean means that the file is made.
        ...(create_file === false ? { createFile: false } : {}),
        replace: listOf(replace).flatMap((entry) => replacementOf(entry, path, notes)),
      },
    ];
  });
}

function replacementOf(given: unknown, file: string, notes: string[]): Replacement[] {
  const entry = fieldsOf(given);
  const { match, if_value: condition } = entry;
  const key = 'replace_with' in entry ? 'replace_with' : 'value';
  const problem = problemOf(entry, key);
  if (problem !== undefined || typeof match !== 'string') {
    notes.push(`A replacement in ${JSON.stringify(file.slice(0, 80))} is left out: ${problem ?? 'match is no text'}.`);
    return [];
  }
  const ifValue = typeof condition === 'string' && condition !== '' ? { ifValue: condition } : {};
  return [{ match, ...ifValue, replaceWith: entry[key] as Replacement['replaceWith'] }];
}

function problemOf(entry: Record<string, unknown>, key: string): string | undefined {
  if (typeof entry['match'] !== 'string') return 'match is no text';
  if (entry['if_value'] !== undefined && typeof entry['if_value'] !== 'string') return 'if_value is no text';
  const value = entry[key];
  if (value === undefined) return 'there is nothing to write';
  if (Buffer.byteLength(JSON.stringify(value)) > mostValueBytes) return 'the new value is too large';
  return undefined;
}
