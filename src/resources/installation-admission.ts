// The rules of an Installation: one at a time of a server, none beside a backup or a restore, and where its script is from.
import { type FieldCause, refuse } from './errors.ts';
import { forbiddenField, required } from './field-causes.ts';
import { type Installation, type InstallationSpec, installationFinalizer } from './installation.ts';
import type { Admittance, Admitted, KindRules, ObjectReader } from './kind-rules.ts';
import type { ObjectInput } from './object.ts';
import {
  backupRunningText,
  installationRunningText,
  operationKeys,
  restoreRunningText,
  runningBackup,
  runningInstallation,
  runningRestore,
  turnsOfStart,
} from './operation-admission.ts';
import { admitOperation, refuseBeside, refuseLeaving, startOperation } from './operation-rules.ts';
import { checkOwnerOfDeletion } from './ownership.ts';
import type { Server } from './server.ts';

const immutable = [
  'serverRef.name',
  'serverRef.uuid',
  'reinstall',
  'startOnCompletion',
  'script',
  'skip',
  'adoptContainerId',
];

export const installationRules: KindRules<Installation> = {
  admit: admitInstallation,
  turnsOf: ({ spec }, current) => (current ? [] : turnsOfStart(spec)),
  keysOf: operationKeys,
  compare: startInstallation,
  async checkDeletion(current, writer) {
    checkOwnerOfDeletion(current, writer);
  },
};

function admitInstallation(admittance: Admittance<Installation>): Admitted<Installation> {
  return admitOperation(admittance, { finalizer: installationFinalizer, immutable, causes: adoptionCauses });
}

function adoptionCauses({ adoptContainerId, script, skip }: InstallationSpec): FieldCause[] {
  const adoptsAndRuns = adoptContainerId !== undefined && (script !== undefined || skip === true);
  return adoptsAndRuns ? [forbiddenField('spec.adoptContainerId', 'what is taken over runs already')] : [];
}

function startInstallation(
  admitted: Admitted<Installation>,
  _current: Installation | undefined,
  reader: ObjectReader,
): Promise<ObjectInput> {
  const { metadata, spec } = admitted;
  return startOperation(admitted, reader, async (server, operations) => {
    if (!hasScript(spec, server)) {
      const cause = required('spec.script', 'the server has no Panel that could be asked for one');
      refuse('Installation', metadata.name, [cause]);
    }
    refuseLeaving(server);
    refuseBeside(
      [runningInstallation(operations), installationRunningText],
      [runningBackup(operations), backupRunningText],
      [runningRestore(operations), restoreRunningText],
    );
    return {};
  });
}

function hasScript({ script, skip, adoptContainerId }: InstallationSpec, { spec }: Server): boolean {
  if (script || adoptContainerId || (skip ?? spec.skipEggScripts)) return true;
  return spec.owner?.kind === 'Panel';
}
