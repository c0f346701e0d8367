// The CRC-32 of two pieces put together, from those of the pieces. Appending n zero bytes is a linear map on the 32 bits of
// the register, and such a map is a matrix over GF(2): a matrix for one zero bit, squared until it stands for n bytes.

/** Column i is what bit i of the register becomes. */
type Matrix = Uint32Array<ArrayBuffer>;

const polynomial = 0xedb88320;
const maps = new Map<number, Matrix>();
/** Members have one length, but for the last ones. */
const maxMaps = 8;

export function combineCrc(first: number, second: number, secondBytes: number): number {
  if (secondBytes === 0) return first;
  return (apply(zerosMap(secondBytes), first) ^ second) >>> 0;
}

function zerosMap(bytes: number): Matrix {
  const known = maps.get(bytes);
  if (known) return known;
  if (maps.size >= maxMaps) maps.clear();
  const map = power(oneZeroBit(), bytes * 8);
  maps.set(bytes, map);
  return map;
}

function oneZeroBit(): Matrix {
  return Uint32Array.from({ length: 32 }, (_, bit) => (bit === 0 ? polynomial : 2 ** (bit - 1)));
}

function power(matrix: Matrix, exponent: number): Matrix {
  let result = Uint32Array.from({ length: 32 }, (_, bit) => 2 ** bit);
  for (let rest = exponent, square = matrix; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(square, result);
    square = multiply(square, square);
  }
  return result;
}

function multiply(left: Matrix, right: Matrix): Matrix {
  return right.map((column) => apply(left, column));
}

function apply(matrix: Matrix, vector: number): number {
  let sum = 0;
  for (let bit = 0, rest = vector; rest !== 0; bit++, rest >>>= 1) {
    if (rest & 1) sum ^= matrix[bit] ?? 0;
  }
  return sum >>> 0;
}
