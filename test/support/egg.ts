// Configuration files of eggs in one line: what becomes of a text, under which Panel.
import { applyConfigFile } from '../../src/egg/apply-config-file.ts';
import { type EggContext, type ParserName, parserOf } from '../../src/egg/config-file.ts';

/** As the Panel spells it. */
export interface WireReplacement {
  match: string;
  replace_with: unknown;
  if_value?: string;
}

export const eggContext: EggContext = {
  flavour: 'pelican',
  dockerInterface: '172.18.0.1',
  defaultAllocation: { ip: '10.1.2.3', port: 25_565 },
  memoryLimit: 2048,
  environment: { HOSTNAME: 'My Server' },
};

export interface Edited {
  text: string;
  changed: boolean;
  notes: string[];
}

export function editText(
  parser: string,
  text: string | Buffer,
  replace: readonly WireReplacement[],
  context: Partial<EggContext> = {},
): Edited {
  const { content, changed, notes } = applyConfigFile({
    content: Buffer.from(text),
    parser: parserOf(parser) as ParserName,
    replace: replace.map(({ match, replace_with, if_value }) => ({
      match,
      replaceWith: replace_with,
      ...(if_value === undefined ? {} : { ifValue: if_value }),
    })),
    context: { ...eggContext, ...context },
  });
  return { text: content.toString(), changed, notes };
}

/** The text alone. `replace`: match and value. */
export function edited(
  parser: string,
  text: string,
  replace: Readonly<Record<string, unknown>>,
  context: Partial<EggContext> = {},
): string {
  const list = Object.entries(replace).map(([match, value]) => ({ match, replace_with: value }));
  return editText(parser, text, list, context).text;
}
