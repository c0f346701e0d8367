// A busybox that needs no libraries: the whole user land of the demo image.
import { existsSync, readFileSync } from 'node:fs';
import { aptInstall } from './apt.mjs';
import { findProgram, run } from './run.mjs';
import { SetupError } from './step.mjs';

const programInterpreter = 3; // PT_INTERP: present only in a dynamically linked program

/** Path of a static busybox; installs one when there is none. */
export async function ensureStaticBusybox() {
  const found = staticBusybox();
  if (found) return found;
  await aptInstall(['busybox-static']);
  const installed = staticBusybox();
  if (!installed)
    throw new SetupError('The package busybox-static is installed, but no static busybox is on the PATH.');
  return installed;
}

/** @returns {string | undefined} */
export function staticBusybox() {
  return ['/bin/busybox', findProgram('busybox')].find((path) => path && existsSync(path) && isStatic(path));
}

/** @returns {Promise<string[]>} names of the programs in it */
export async function applets(busybox) {
  return (await run(busybox, ['--list'])).split('\n').filter(Boolean);
}

/** Reads the program headers of a 64-bit little-endian ELF file. */
function isStatic(path) {
  const elf = readFileSync(path);
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) return false;
  const offset = Number(elf.readBigUInt64LE(32));
  const [entrySize, count] = [elf.readUInt16LE(54), elf.readUInt16LE(56)];
  return !Array.from({ length: count }, (_, index) => elf.readUInt32LE(offset + index * entrySize)).includes(
    programInterpreter,
  );
}
