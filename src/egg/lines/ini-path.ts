// The `match` of an INI file: section, dot, key. Brackets keep the dots in them together and are not part of the names.
import { withoutBlanks } from './lines.ts';

export interface IniPath {
  /** Empty: before the first section. */
  section: string;
  key: string;
}

/** What is in the file before any section, or under this name. */
const globalName = 'DEFAULT';

/** `undefined`: no key, or a line break in a name. */
export function parseIniPath(match: string): IniPath | undefined {
  let depth = 0;
  let dot = -1;
  let names = '';
  for (const character of match) {
    if (character === '[') depth += 1;
    else if (character === ']') depth -= 1;
    else {
      if (character === '.' && depth <= 0 && dot === -1) dot = names.length;
      names += character;
    }
  }
  const section = dot === -1 ? '' : withoutBlanks(names.slice(0, dot));
  const key = withoutBlanks(names.slice(dot + 1));
  if (key === '' || /[\r\n\0]/.test(names)) return undefined;
  return { section: globalSection(section), key };
}

export function globalSection(name: string): string {
  return name === globalName ? '' : name;
}
