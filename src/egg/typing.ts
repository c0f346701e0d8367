// Which type a new value gets in a file that has types. The Panel makes a string of everything that went through one of
// its placeholders, so what already stands there decides; where nothing stands, the two Panels' eggs differ.
import type { EggContext } from './config-file.ts';
import type { NewValue } from './edit.ts';

/** What stands in the place; `date` is one of TOML's dates and times. */
export type ExistingType = 'string' | 'number' | 'bool' | 'null' | 'date' | 'collection' | 'missing';

const trueTexts = new Set(['1', 't', 'T', 'true', 'True', 'TRUE']);
const falseTexts = new Set(['0', 'f', 'F', 'false', 'False', 'FALSE']);
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const canonicalInteger = /^-?(?:0|[1-9]\d{0,15})$/;

/** The largest up to which every integer is a number of its own in JSON's readers. */
const maxInteger = 2n ** 53n;

export function typedValue(value: NewValue, existing: ExistingType, flavour: EggContext['flavour']): NewValue {
  if (value.type === 'bool') return value;
  const { text } = value;
  switch (existing) {
    case 'bool': {
      const bool = boolOf(value);
      return bool ?? value;
    }
    case 'number':
      return { type: jsonNumber.test(text) ? 'number' : 'string', text };
    case 'string':
    case 'date':
      return { type: 'string', text };
    case 'missing':
    case 'null':
      if (value.type === 'number') return value;
      return { type: flavour === 'pterodactyl' && isInteger(text) ? 'number' : 'string', text };
    case 'collection':
      return value;
  }
}

function boolOf({ type, text }: NewValue): NewValue | undefined {
  if (type === 'number' && text !== '1' && text !== '0') return undefined;
  if (trueTexts.has(text)) return { type: 'bool', text: 'true' };
  return falseTexts.has(text) ? { type: 'bool', text: 'false' } : undefined;
}

function isInteger(text: string): boolean {
  if (!canonicalInteger.test(text)) return false;
  const integer = BigInt(text);
  return integer <= maxInteger && integer >= -maxInteger;
}
