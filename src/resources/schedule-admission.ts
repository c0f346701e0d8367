// The rules of a Schedule: a cron line and a time zone that can be followed, and servers by name or by labels.
import { ignoreCauses } from './backup-admission.ts';
import { CronLine, timeZoneRule } from './cron-line.ts';
import { type FieldCause, refuse } from './errors.ts';
import { atKey, forbiddenField, invalidValue, required, tooLong } from './field-causes.ts';
import { placeCauses, placeOf } from './identity.ts';
import type { Admittance, Admitted, KindRules } from './kind-rules.ts';
import { isLabelValue, isQualifiedName } from './metadata-validation.ts';
import { checkOwner, checkOwnerOfDeletion } from './ownership.ts';
import type { Schedule, ScheduleSpec } from './schedule.ts';
import { isTimeZone } from './time-zone.ts';

/** Of the value of a label. */
const longestName = 63;

export const scheduleRules: KindRules<Schedule> = {
  admit: admitSchedule,
  // The servers need not be there yet, and it takes nothing from anybody.
  turnsOf: () => [],
  compare: async (admitted) => admitted,
  async checkDeletion(current, writer) {
    checkOwnerOfDeletion(current, writer);
  },
};

function admitSchedule(admittance: Admittance<Schedule>): Admitted<Schedule> {
  const { object, current, context } = admittance;
  const place = placeOf(admittance);
  const spec: ScheduleSpec = { ...(object.spec as ScheduleSpec), ...place };
  refuse('Schedule', object.metadata.name, [
    ...placeCauses(place, admittance),
    ...nameCauses(object.metadata.name),
    ...timeCauses(spec),
    ...serverCauses(spec.template),
    ...ignoreCauses('spec.template.ignore', spec.template.ignore),
  ]);
  const admitted = { ...object, spec };
  if (current) checkOwner(current, admitted, context.owner);
  return admitted;
}

/** Its backups have it as a label. */
function nameCauses(name: string): FieldCause[] {
  return name.length > longestName ? [tooLong('metadata.name', longestName)] : [];
}

function timeCauses({ cron, timeZone }: ScheduleSpec): FieldCause[] {
  if (!isTimeZone(timeZone)) {
    return [invalidValue('spec.timeZone', timeZone, timeZoneRule)];
  }
  try {
    new CronLine(cron, timeZone);
    return [];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [invalidValue('spec.cron', cron, error.message)];
  }
}

function serverCauses({ serverRef, serverSelector }: ScheduleSpec['template']): FieldCause[] {
  if (!serverRef && !serverSelector) return [required('spec.template.serverRef', 'or serverSelector')];
  if (serverRef && serverSelector) {
    return [forbiddenField('spec.template.serverSelector', 'not together with serverRef')];
  }
  return Object.entries(serverSelector?.matchLabels ?? {}).flatMap(([key, value]) => {
    const field = 'spec.template.serverSelector.matchLabels';
    if (!isQualifiedName(key)) return [invalidValue(field, key, 'no server can have a label of this name')];
    return isLabelValue(value)
      ? []
      : [invalidValue(atKey(field, key), value, 'no server can have a label of this value')];
  });
}
