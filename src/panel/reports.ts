// Delivers what objects owe to the Panel. Only for objects that are the Panel's; what is undeliverable is said by the
// outbox in an Event, and a backup that the Panel does not know any more bears a label and keeps its archive.
import type { Clock } from '../clock/clock.ts';
import type { Admission } from '../resources/admission.ts';
import type { Backup } from '../resources/backup.ts';
import { orphanLabel } from '../resources/listed.ts';
import type { Owner } from '../resources/ownership.ts';
import type { Restore } from '../resources/restore.ts';
import { type Deliver, type OwingObject, RetryLaterError, UndeliverableError } from '../runtime/outbox.ts';
import type { Logger } from '../telemetry/log.ts';
import { type PanelReport, panelReports } from './owed.ts';
import type { PanelApi } from './panel-api.ts';
import { PanelResponseError } from './panel-errors.ts';
import { verdictOf } from './report-verdict.ts';

export interface ReportsOptions {
  api: Pick<PanelApi, 'reportBackup' | 'reportRestore' | 'reportInstall' | 'servers'>;
  admission: Pick<Admission, 'patch'>;
  remote: string;
  clock: Clock;
  log: Logger;
}

/** An Installation, as far as it is told. */
interface Installed extends OwingObject {
  spec: { nodeName?: string; owner?: Owner; serverRef: { uuid?: string }; reinstall?: boolean };
  status?: { owed?: NonNullable<OwingObject['status']>['owed'] & {}; outcome?: { result: string } };
}

/** One after another: the report, whether the Panel knows the node, and the report once more. */
export const mostCallsOfADelivery = 3;

/** For `Outbox.register('Panel', …)`. */
export function panelDeliverer(options: ReportsOptions): Deliver {
  const { clock, log } = options;
  return async (entry, object, signal) => {
    const what = panelReports.find((one) => one === entry.what);
    if (!what) throw new UndeliverableError(`the Panel knows no report "${entry.what}"`);
    const { owner } = object.spec as Installed['spec'];
    if (owner?.kind !== 'Panel') throw new UndeliverableError('it is not the Panel’s');
    const ageMs = clock.now() - Date.parse(entry.since);
    let error = await refusalOf(options.api, what, object, signal);
    let verdict = verdictOf({ what, error, ageMs, nodeIsKnown: undefined });
    if (verdict.do === 'ask-again') {
      const nodeIsKnown = await isKnown(options.api, signal);
      // The token may have been another one when the report was refused: what counts is a refusal by a Panel that knows us.
      if (nodeIsKnown) error = await refusalOf(options.api, what, object, signal);
      verdict = verdictOf({ what, error, ageMs, nodeIsKnown });
    }
    switch (verdict.do) {
      case 'done':
        return;
      case 'retry':
      case 'ask-again': {
        const afterMs = verdict.do === 'retry' ? (verdict.afterMs ?? 0) : 0;
        throw new RetryLaterError(verdict.reason, afterMs, { cause: error });
      }
      case 'give-up': {
        const fields = { kind: object.kind, name: object.metadata.name, reason: verdict.reason };
        if (verdict.alarm) log.error(fields, 'the Panel refuses a report as wrong');
        else log.warn(fields, 'the Panel will not take a report');
        if (verdict.orphan && object.kind === 'Backup') await markOrphan(options, object);
        throw new UndeliverableError(verdict.reason, { cause: error });
      }
    }
  };
}

/** What a try ends in; undefined = the Panel took it. @throws UndeliverableError, and the reason of an abort */
async function refusalOf(
  api: ReportsOptions['api'],
  what: PanelReport,
  object: OwingObject,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    await send(api, what, object, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UndeliverableError) throw error;
    return error ?? new Error('the call failed without a reason');
  }
}

async function send(
  api: ReportsOptions['api'],
  what: PanelReport,
  object: OwingObject,
  signal: AbortSignal,
): Promise<void> {
  const succeeded = (object.status as { outcome?: { result: string } } | undefined)?.outcome?.result === 'Completed';
  switch (what) {
    case 'BackupResult': {
      const { spec, status } = object as Backup;
      const archive = succeeded ? status?.archive : undefined;
      await api.reportBackup(
        needed(spec.uuid),
        archive
          ? { checksum: archive.checksum, checksumType: archive.checksumType, size: archive.size, successful: true }
          : { checksum: '', checksumType: '', size: 0, successful: false },
        signal,
      );
      return;
    }
    case 'RestoreResult':
      await api.reportRestore(needed((object as Restore).spec.backupRef.uuid), succeeded, signal);
      return;
    case 'InstallResult': {
      const { spec } = object as Installed;
      const report = { successful: succeeded, reinstall: spec.reinstall ?? false };
      await api.reportInstall(needed(spec.serverRef.uuid), report, signal);
    }
  }
}

function needed(uuid: string | undefined): string {
  if (!uuid) throw new UndeliverableError('it has no uuid to be told by');
  return uuid;
}

/** A Panel that lists the servers of this node knows its token. */
async function isKnown(api: ReportsOptions['api'], signal: AbortSignal): Promise<boolean> {
  try {
    await api.servers(0, 1, signal);
    return true;
  } catch (error) {
    if (error instanceof PanelResponseError) return false;
    throw error;
  }
}

async function markOrphan({ admission, remote }: ReportsOptions, { kind, metadata }: OwingObject): Promise<void> {
  await admission.patch(
    kind,
    metadata.name,
    { metadata: { labels: { [orphanLabel]: 'true' } } },
    { by: 'panel', owner: { kind: 'Panel', ref: remote }, dryRun: false, fieldValidation: 'Ignore', warn: () => {} },
  );
}
