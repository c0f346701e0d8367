// How large a thing may be before anything walks it: no object of ours comes near, and nothing that recurses over one
// (a clone, a merge, a comparison) runs out of stack or of time.
import type { FieldCause } from './errors.ts';
import { invalidValue } from './field-causes.ts';

const mostLevels = 64;

/** Ten times the largest server. What is named twice counts twice, so that a small text cannot become large. */
const mostValues = 50_000;

/** Walks with a list of its own, because a recursion is what the bound protects. */
export function shapeCauses(root: object): FieldCause[] {
  let values = 0;
  const open: { value: object; level: number }[] = [{ value: root, level: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, level } = next;
    if (level > mostLevels) return [refusal(`must not be nested deeper than ${mostLevels} levels`)];
    for (const inner of Object.values(value)) {
      values += 1;
      if (values > mostValues) return [refusal(`must not hold more than ${mostValues} values`)];
      if (typeof inner === 'object' && inner !== null) open.push({ value: inner, level: level + 1 });
    }
  }
  return [];
}

function refusal(detail: string): FieldCause {
  return invalidValue('', undefined, detail);
}
