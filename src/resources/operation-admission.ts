// What the rules of backups, restores and installations share: the server they are about, what of them never changes, how they are
// called off, and which others of that server have not ended.
import { isDeepStrictEqual } from 'node:util';
import { type Backup, isFinishedBackup } from './backup.ts';
import type { FieldCause } from './errors.ts';
import { invalidValue, notFound } from './field-causes.ts';
import { uuidKey } from './identity.ts';
import { type Installation, isFinishedInstallation } from './installation.ts';
import type { ObjectReader } from './kind-rules.ts';
import { isFinishedRestore, type Restore } from './restore.ts';
import type { Server } from './server.ts';

/** Whoever starts an operation looks at all the others. */
export const operationsTurn = 'operations';

export const backupRunningText = 'A backup operation is already running for this server';
export const restoreRunningText = 'A restore operation is already running for this server';
export const installationRunningText = 'An installation is already running for this server';
export const serverLeavingText = 'this server is being deleted';

export interface OperationTurn {
  serverRef: { name: string };
}

/** Nobody else starts an operation, and nobody changes the server. */
export function turnsOfStart({ serverRef }: OperationTurn): string[] {
  return [operationsTurn, `Server/${serverRef.name}`];
}

/** The reference as it is kept: a writer who leaves the uuid out means the one that is there. */
export function keptRef<R extends { name: string; uuid?: string }>(given: R, before: R | undefined): R {
  const uuid = given.uuid ?? before?.uuid;
  return uuid === undefined || before?.name !== given.name ? given : { ...given, uuid };
}

/** `fields`: paths below spec. */
export function immutableCauses(next: object, before: object | undefined, fields: readonly string[]): FieldCause[] {
  if (!before) return [];
  return fields
    .filter((field) => !isDeepStrictEqual(at(next, field), at(before, field)))
    .map((field) => invalidValue(`spec.${field}`, at(next, field), 'field is immutable'));
}

function at(spec: object, path: string): unknown {
  return path.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], spec);
}

/** Whoever replaces the object and says nothing of `cancel` leaves it as it is. */
export function cancelAfter(stated: unknown, wanted: boolean, before: { cancel: boolean } | undefined): boolean {
  const said = (stated as { cancel?: unknown } | null | undefined)?.cancel ?? undefined;
  return said === undefined ? (before?.cancel ?? wanted) : wanted;
}

export function cancelCauses(cancel: boolean, before: { cancel: boolean } | undefined): FieldCause[] {
  if (!before?.cancel || cancel) return [];
  return [invalidValue('spec.cancel', false, 'what was cancelled stays cancelled')];
}

/** The server of a reference, or why it is none. */
export async function serverOf(
  ref: { name: string; uuid?: string },
  reader: ObjectReader,
): Promise<{ server?: Server; causes: FieldCause[] }> {
  const server = await reader.get<Server>('Server', ref.name);
  if (!server) return { causes: [notFound('spec.serverRef.name', ref.name)] };
  const other = ref.uuid !== undefined && ref.uuid !== server.spec.uuid;
  return { server, causes: other ? [notFound('spec.serverRef.uuid', ref.uuid)] : [] };
}

/** Of one server. */
export interface Operations {
  backups: Backup[];
  restores: Restore[];
  installations: Installation[];
}

/** What backups, restores and installations are found by. */
export function operationKeys({ uuid, serverRef }: { uuid?: string; serverRef: { uuid?: string } }): string[] {
  return [...(uuid ? [uuidKey(uuid)] : []), ...(serverRef.uuid ? [serverKey(serverRef.uuid)] : [])];
}

function serverKey(uuid: string): string {
  return `server ${uuid}`;
}

/** All of one server, the ended ones too. In the turn of operations. */
export async function operationsOf({ spec: { uuid } }: Server, reader: ObjectReader): Promise<Operations> {
  const key = serverKey(uuid ?? '');
  const [backups, restores, installations] = await Promise.all([
    reader.holders<Backup>('Backup', key),
    reader.holders<Restore>('Restore', key),
    reader.holders<Installation>('Installation', key),
  ]);
  return { backups, restores, installations };
}

/** Archives are kept by the uuid of the server, so that is what counts. */
export function isAbout({ spec }: Backup | Restore | Installation, server: Server): boolean {
  return spec.serverRef.uuid === server.spec.uuid;
}

export function runningBackup({ backups }: Operations): Backup | undefined {
  return backups.find((backup) => !isFinishedBackup(backup));
}

export function runningInstallation({ installations }: Operations): Installation | undefined {
  return installations.find((one) => !isFinishedInstallation(one));
}

export function runningRestore({ restores }: Operations): Restore | undefined {
  return restores.find((restore) => !isFinishedRestore(restore));
}
