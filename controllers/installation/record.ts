// Writes to the status of an installation, and of what its server is told. Each says which life of which name it means: an
// object that took the name meanwhile is another one's.
import { timestamp } from '../../src/clock/clock.ts';
import { setCondition } from '../../src/resources/conditions.ts';
import type { Installation, InstallationPhase, InstallationStatus } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import { enterPhase, type OperationOutcome } from '../../src/runtime/operation-status.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import type { InstallationDeps } from './deps.ts';

export type StatusChange = (status: InstallationStatus, installation: Installation) => void;

/** `undefined`: the object is gone. */
export async function record(
  { store }: Pick<InstallationDeps, 'store'>,
  { metadata }: Installation,
  change: StatusChange,
): Promise<Installation | undefined> {
  let ours = true;
  const written = await mutateStatus<Installation>(store, 'Installation', metadata.name, (draft, present) => {
    ours = present.metadata.uid === metadata.uid;
    if (!ours) return;
    const status = draft as InstallationStatus;
    change(status, present);
    status.observedGeneration = present.metadata.generation;
  });
  return ours ? written : undefined;
}

export function enter(
  { clock }: Pick<InstallationDeps, 'clock'>,
  status: InstallationStatus,
  phase: InstallationPhase,
): void {
  status.phase = phase;
  enterPhase(status, phase, timestamp(clock));
}

/** The condition `Installed` of the server. `outcome` undefined: the installation is at work. */
export async function tellServer(
  { store, clock }: Pick<InstallationDeps, 'store' | 'clock'>,
  { spec: { serverRef } }: Installation,
  outcome: OperationOutcome | undefined,
): Promise<void> {
  await mutateStatus<Server>(store, 'Server', serverRef.name, (status, server) => {
    if (server.spec.uuid !== serverRef.uuid) return;
    status.conditions ??= [];
    const condition = { type: 'Installed', ...installedBy(outcome), observedGeneration: server.metadata.generation };
    setCondition(status.conditions, condition, timestamp(clock));
  });
}

function installedBy(outcome: OperationOutcome | undefined) {
  if (!outcome) return { status: 'False', reason: 'Installing', message: 'The server is being installed.' } as const;
  const { result, message } = outcome;
  if (result === 'Completed') return { status: 'True', reason: 'Installed', message } as const;
  return { status: 'False', reason: 'InstallFailed', message } as const;
}
