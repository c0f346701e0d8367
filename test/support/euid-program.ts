// The smallest Linux program that ends with its effective user id (its last eight bits): what a setuid bit is worth can be
// seen with it where no compiler is.

const code = {
  x64: { machine: 0x3e, hex: 'b86b0000000f0589c7b83c0000000f05' }, // geteuid, exit
  arm64: { machine: 0xb7, hex: 'e81580d2010000d4a80b80d2010000d4' },
};

const headBytes = 64 + 56;
const base = 0x400000;

/** @throws Error on a machine that it does not know */
export function euidProgram(): Buffer {
  const { machine, hex } = code[process.arch as keyof typeof code] ?? {};
  if (machine === undefined || hex === undefined) throw new Error(`no program for ${process.arch}`);
  const size = headBytes + hex.length / 2;
  const head = Buffer.alloc(headBytes);
  head.write('7f454c46020101', 0, 'hex');
  head.writeUInt16LE(2, 16); // executable
  head.writeUInt16LE(machine, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(base + headBytes), 24); // entry
  head.writeBigUInt64LE(64n, 32); // the one segment is described behind the header
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(1, 64); // load it,
  head.writeUInt32LE(5, 68); // to read and run,
  head.writeBigUInt64LE(BigInt(base), 80);
  head.writeBigUInt64LE(BigInt(base), 88);
  head.writeBigUInt64LE(BigInt(size), 96);
  head.writeBigUInt64LE(BigInt(size), 104);
  head.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([head, Buffer.from(hex, 'hex')]);
}
