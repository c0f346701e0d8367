// One message on its way to everybody who watches a server: serialised once, shared by all, with what a queue and a gate
// must know to treat it rightly.

export interface Frame {
  /** Ready for the wire; never changed. */
  bytes: Buffer;
  /**
   * What a queue that is too long may do: `keep` never goes, of `lines` the oldest go first, of `latest` only the newest
   * with the same name counts.
   */
  delivery: 'keep' | 'lines' | 'latest';
  name: string;
  /** Needed to receive it, besides a valid token. */
  permission?: string;
  /** Lines that the process printed: they are in the history too. */
  printed?: boolean;
}

/** Makes one message of the wire, whole. `args` are strings always; none = the key is absent. */
export type Encode = (event: string, args?: readonly string[]) => Buffer;
