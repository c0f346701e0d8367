// What the answer to a report means: it was taken, it is to be sent again, or nobody will ever take it. Pure. A good
// archive is never given up for it: what the Panel does not know any more stays on disk and is marked.
import type { PanelReport } from './owed.ts';
import { PanelResponseError } from './panel-errors.ts';

export type ReportVerdict =
  | { do: 'done' }
  /** `afterMs`: not before. */
  | { do: 'retry'; reason: string; afterMs?: number }
  /** Look whether the credentials are good at all; if so, send it once more, and ask again with `nodeIsKnown`. */
  | { do: 'ask-again'; reason: string }
  /** `orphan`: the Panel does not know the object any more. `alarm`: what we sent is wrong. */
  | { do: 'give-up'; reason: string; orphan: boolean; alarm: boolean };

export interface ReportFacts {
  what: PanelReport;
  /** What the last call threw; undefined = it was taken. */
  error: unknown;
  /** Since the outcome was decided. */
  ageMs: number;
  /** Whether the Panel took the credentials of this node before that call; undefined = not asked yet. */
  nodeIsKnown: boolean | undefined;
}

/** The transaction in which the Panel called us may be open this long. */
export const graceMs = 30_000;

export function verdictOf({ what, error, ageMs, nodeIsKnown }: ReportFacts): ReportVerdict {
  if (error === undefined) return { do: 'done' };
  const reason = error instanceof Error ? error.message : String(error);
  if (!(error instanceof PanelResponseError)) return { do: 'retry', reason };
  const { status, detail, retryAfterMs } = error;
  switch (status) {
    case 400:
      // A repeat of what was taken. With credentials it cannot read the Panel answers 400 too.
      if (what === 'BackupResult' && /already/i.test(detail)) return { do: 'done' };
      return unlessUnknown('refused for good', { orphan: false, alarm: true });
    case 422:
      return { do: 'give-up', reason, orphan: false, alarm: true };
    case 403:
      // Of a token that was changed, and of a server that is another node's by now.
      return unlessUnknown('not of this node', { orphan: true, alarm: false });
    case 404:
    case 409:
      if (inGrace(ageMs)) return { do: 'retry', reason };
      return unlessUnknown('the Panel does not know it any more', { orphan: status === 404, alarm: false });
    default: {
      // 401, 408, 425, 429, other 4xx of a proxy in between, everything of 5xx and what is left of redirects.
      return { do: 'retry', reason, ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }) };
    }
  }

  function unlessUnknown(why: string, { orphan, alarm }: { orphan: boolean; alarm: boolean }): ReportVerdict {
    if (nodeIsKnown === undefined) return { do: 'ask-again', reason };
    if (!nodeIsKnown) return { do: 'retry', reason };
    return { do: 'give-up', reason: `${why}: ${reason}`, orphan, alarm };
  }
}

/** A wall clock that was turned back makes no grace longer than it is from now. */
function inGrace(ageMs: number): boolean {
  return ageMs < graceMs;
}
