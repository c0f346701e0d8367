// The name under which a browser stores what it downloads. Whatever a file is called, the header stays one header.

/** As quoted text for old clients, and as it is for all others where that says more. */
export function attachment(name: string): string {
  const plain = [...name].map((char) => (/[\x20-\x7e]/.test(char) ? char : '_')).join('');
  const quoted = `attachment; filename="${plain.replaceAll(/["\\]/g, '\\$&')}"`;
  return plain === name ? quoted : `${quoted}; filename*=UTF-8''${extended(name)}`;
}

/** RFC 8187: what is no letter or digit in ASCII goes out as its bytes. */
function extended(name: string): string {
  const bytes = Buffer.from(name, 'utf8');
  return [...bytes]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[\w.~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
