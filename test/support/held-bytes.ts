// How much memory this process holds on to, garbage not counted.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Objects and the bytes of buffers. */
export function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
