// The end of a text cut off, in one pass. An expression such as `/\r+$/` begins anew at each character of every run of
// them: in a text that somebody else wrote, a long run that something follows would hold up the daemon.

/** Without those of `characters` that it ends with; each is one UTF-16 unit. */
export function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
