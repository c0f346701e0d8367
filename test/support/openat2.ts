// The kernel's own way to open a directory beneath another, as the measure of ours.
import { constants } from 'node:fs';
import koffi from 'koffi';

/** The same on all architectures; of a 5.6 kernel and newer. */
const openat2Number = 437;
const resolveBeneath = 0x08;
const pathOnly = 0o10000000;

const syscall = koffi
  .load(null as unknown as string)
  .func('long syscall(long number, int directory, const void *path, const void *how, size_t size)');

/** A descriptor, or -1 for whatever the kernel refuses. */
export function openBeneath(directory: number, path: string): number {
  const how = new BigUint64Array([BigInt(pathOnly | constants.O_DIRECTORY), 0n, BigInt(resolveBeneath)]);
  return Number(syscall(openat2Number, directory, Buffer.from(`${path}\0`), how, how.byteLength));
}
