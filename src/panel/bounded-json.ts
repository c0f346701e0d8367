// JSON of somebody who may mean harm: counted before it is parsed, because some megabytes of brackets become hundreds of
// megabytes of objects. The scan is one pass over the bytes; strings are skipped.
import { PanelUnreadableError } from './panel-errors.ts';

export interface JsonBounds {
  /** Lists and objects inside one another. */
  depth: number;
  /** Members of all lists and objects together, about. */
  values: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** @throws PanelUnreadableError */
export function parseBounded(body: Buffer, bounds: JsonBounds): unknown {
  checkBounds(body, bounds);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new PanelUnreadableError('the Panel answered with something that is not JSON', { cause: error });
  }
}

function checkBounds(body: Buffer, { depth, values }: JsonBounds): void {
  let level = 0;
  let members = 0;
  for (let at = 0; at < body.length; at += 1) {
    switch (body[at]) {
      case quote:
        at = endOfString(body, at);
        break;
      case openList:
      case openObject:
        level += 1;
        members += 1;
        break;
      case closeList:
      case closeObject:
        level -= 1;
        break;
      case comma:
        members += 1;
        break;
    }
    if (level > depth)
      throw new PanelUnreadableError(`the Panel answered with JSON nested deeper than ${depth} levels`);
    if (members > values) throw new PanelUnreadableError(`the Panel answered with more than ${values} values`);
  }
}

/** Position of the quote that ends the string which begins at `start`. */
function endOfString(body: Buffer, start: number): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === backslash) at += 1;
    else if (body[at] === quote) return at;
  }
  return body.length;
}
