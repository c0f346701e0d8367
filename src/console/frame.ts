// One message on its way to everybody who watches a server: serialised once, shared by all, with what a queue and a gate
// must know to treat it rightly.

export interface Frame {
  /** Ready for the wire; never changed. */
  bytes: Buffer;
  /**
   * What a queue that is too long may do: `keep` never goes, of `lines` the oldest go first, of `latest` only the newest
   * of its `series` counts.
   */
  delivery: 'keep' | 'lines' | 'latest';
  name: string;
  /** Which `latest` replace each other; the name when absent. */
  series?: string;
  /** Needed to receive it, besides a valid token. */
  permission?: string;
  /** Of this name, to one receiver; the surplus is left out. */
  mostPerSecond?: number;
  /** The same message with more in it: goes in the place of this one to who may receive both. */
  fuller?: Frame;
  /** Lines that the process printed: they are in the history too. */
  printed?: boolean;
}

/** Makes one message of the wire, whole. `args` are strings always; none = the key is absent. */
export type Encode = (event: string, args?: readonly string[]) => Buffer;

/** What of a message somebody with these permissions gets; undefined: nothing. */
export function visibleTo(frame: Frame, permits: (permission: string) => boolean): Frame | undefined {
  if (frame.permission !== undefined && !permits(frame.permission)) return undefined;
  return (frame.fuller && visibleTo(frame.fuller, permits)) ?? frame;
}
