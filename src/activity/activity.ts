// What a user did on a server, as a Panel's activity log has it: the record, and the rules that make any report of it
// one that a Panel accepts. Pure.
import { isIP } from 'node:net';

export type Metadata = Readonly<Record<string, unknown>>;

/** One entry of the Panel's activity log, in the names of its API. */
export interface Activity {
  /** uuid; null = nobody, which a Panel shows as "system". */
  user: string | null;
  /** uuid. */
  server: string;
  /** Begins with `server:`. */
  event: string;
  metadata: Metadata;
  /** Without a port or a zone. */
  ip: string;
  /** RFC 3339 in UTC, ending in `Z`. */
  timestamp: string;
}

/** What somebody reports; the rest is made of it. */
export interface NewActivity {
  server: string;
  event: string;
  /** What is no uuid is nobody. */
  user?: string | null;
  metadata?: Metadata;
  /** Of the client, a port may follow. */
  ip?: string;
  /** When it was asked for, ms since the epoch; now when absent. */
  at?: number;
}

/** Where the rest of the daemon reports what users did. Never throws, never waits. */
export interface ActivityRecorder {
  /** For those who watch the server, and for the Panel. */
  record(activity: NewActivity): void;
  /** For those who watch alone: the Panel knows of it. */
  show(activity: NewActivity): void;
}

export const eventPrefix = 'server:';
export const renameEvent = 'server:sftp.rename';
export const crashEvent = 'server:crashed';

/** Where an address is not known: what a Panel puts in the place of an empty one. */
const unknownAddress = '127.0.0.1';

/** Characters of one text; a command is never longer, and two console lines are cut. */
const longestText = 16_384;
/** Characters of all metadata as JSON: far above what the events of the protocol need. */
const longestMetadata = 262_144;

/** The form that a Panel's validation looks for. */
const uuidForm = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** Undefined when no Panel could take it: the server has no uuid, or the event is none of a server. @param now ms */
export function activityOf(input: NewActivity, now: number): Activity | undefined {
  const { server, event, user, metadata = {}, ip = '', at = now } = input;
  if (!uuidForm.test(server) || !event.startsWith(eventPrefix)) return undefined;
  return {
    user: user && uuidForm.test(user) ? user : null,
    server,
    event,
    metadata: bounded(metadata),
    ip: bareAddress(ip) ?? unknownAddress,
    timestamp: new Date(at).toISOString(),
  };
}

/** An address without port, brackets and zone; an IPv4 one in the clothes of IPv6 as what it is. */
export function bareAddress(text: string): string | undefined {
  const [, bracketed, , plain] = /^(?:\[([^\]]+)\](:\d+)?|(.+))$/.exec(text.trim()) ?? [];
  const candidate = (bracketed ?? plain ?? '').split('%', 1)[0] ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(candidate)?.[1];
  const address = mapped ?? (isIP(candidate) === 0 ? candidate.replace(/:\d+$/, '') : candidate);
  return isIP(address) === 0 ? undefined : address;
}

export function isSftp(event: string): boolean {
  return event.startsWith('server:sftp.');
}

/** Half a character is cut out: it would make the whole report unreadable for a Panel. */
function bounded(metadata: Metadata): Metadata {
  const json = JSON.stringify(metadata, (_key, value: unknown) =>
    typeof value === 'string' ? value.slice(0, longestText).toWellFormed() : value,
  );
  return json.length > longestMetadata ? {} : (JSON.parse(json) as Metadata);
}
