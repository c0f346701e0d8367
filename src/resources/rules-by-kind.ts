// The rules of every kind that has some: for the others schema and metadata say everything.
import { backupRules } from './backup-admission.ts';
import { installationRules } from './installation-admission.ts';
import type { KindRules } from './kind-rules.ts';
import { restoreRules } from './restore-admission.ts';
import { scheduleRules } from './schedule-admission.ts';
import { serverRules } from './server-admission.ts';

const rules: ReadonlyMap<string, KindRules> = new Map<string, KindRules>([
  ['Server', serverRules],
  ['Backup', backupRules],
  ['Restore', restoreRules],
  ['Installation', installationRules],
  ['Schedule', scheduleRules],
]);

export function rulesOf(kind: string): KindRules | undefined {
  return rules.get(kind);
}
