// A value as YAML text. A string is written plain only where every reader, those of YAML 1.1 included, takes it for a
// string; else it is quoted.
import type { NewValue } from '../edit.ts';
import type { ScalarNode } from '../tree/tree.ts';
import type { YamlOrigin } from './read-yaml.ts';

const plainText = /^[A-Za-z_/](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?$/;
const otherThanString = /^(?:null|true|false|yes|no|on|off|y|n)$/i;
/** Control characters, and what counts as a line break or is not printable. */
const needsEscapes = /[\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff]/u;

/** `style`: how the value was written that stood there. */
export function scalarText(scalar: ScalarNode<YamlOrigin>, style: YamlOrigin['style'] = 'plain'): string {
  return scalar.type === 'string' ? stringText(scalar.text, style) : scalar.text;
}

export function keyText(key: string): string {
  return stringText(key, 'plain');
}

function stringText(text: NewValue['text'], style: YamlOrigin['style']): string {
  if (needsEscapes.test(text)) return doubleQuoted(text);
  if (style === 'double') return doubleQuoted(text);
  if (style !== 'single' && plainText.test(text) && !otherThanString.test(text)) return text;
  return `'${text.replaceAll("'", "''")}'`;
}

/** JSON's escapes are YAML's; what JSON leaves and YAML does not like is escaped too. */
function doubleQuoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
