// The parts of the tar format that writer and reader share: POSIX ustar headers with PAX records before them. Numbers are
// those of POSIX.1-2008, "pax Interchange Format".

/** Headers are one of these; content is padded with zeros to a multiple. */
export const tarBlockBytes = 512;

/** Two blocks of zeros end an archive; nothing is padded to a larger record. */
export const tarEndBytes = 2 * tarBlockBytes;

/** Directories that an entry may be under: security contract SEC-20. */
export const maxArchiveDepth = 128;

/** What stands at byte 156. Files of old writers have a NUL there. */
export const tarType = {
  file: 0x30,
  hardLink: 0x31,
  symlink: 0x32,
  characterDevice: 0x33,
  blockDevice: 0x34,
  directory: 0x35,
  fifo: 0x36,
  /** PAX records for the next entry only. */
  paxNext: 0x78,
  /** PAX records for all entries that follow; here they hold the manifest. */
  paxGlobal: 0x67,
} as const;

/** Where a field of the header starts and how many bytes it has. */
export const tarField = {
  name: { at: 0, bytes: 100 },
  mode: { at: 100, bytes: 8 },
  uid: { at: 108, bytes: 8 },
  gid: { at: 116, bytes: 8 },
  size: { at: 124, bytes: 12 },
  mtime: { at: 136, bytes: 12 },
  checksum: { at: 148, bytes: 8 },
  type: { at: 156, bytes: 1 },
  linkName: { at: 157, bytes: 100 },
  /** `ustar`, NUL, and version `00`. */
  magic: { at: 257, bytes: 8 },
  deviceMajor: { at: 329, bytes: 8 },
  deviceMinor: { at: 337, bytes: 8 },
  prefix: { at: 345, bytes: 155 },
} as const;

/** The first number that eleven octal digits cannot hold: 8 GiB, or a time in the year 2242. */
export const tarOctalLimit = 8 ** 11;

/** How many bytes of zeros follow content of so many bytes. */
export function tarPadding(bytes: number): number {
  const rest = bytes % tarBlockBytes;
  return rest === 0 ? 0 : tarBlockBytes - rest;
}
