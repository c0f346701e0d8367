// Follows a backup or a restore to its end and shows it meanwhile. The object is the truth, over restarts of the node; a
// console socket fills the time between its versions. Leaving ends the looking, never the work.
import { loadConfig } from '../../config/load.ts';
import { backupKind, type KindDefinition, restoreKind } from '../../resources/kinds.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { followObject } from '../follow.ts';
import { type Io, print, say } from '../io.ts';
import { fullName } from '../kind-words.ts';
import type { KubeClient } from '../kube-client.ts';
import type { AccessOptions } from '../node-access.ts';
import { endingOf, endingRecord } from './ending.ts';
import { listenForProgress } from './progress-socket.ts';
import { RateEstimate } from './rate.ts';
import { isFinished, type Operation, type OperationNumbers, stateOf } from './state.ts';
import { type OperationView, openView, viewKind } from './views.ts';

export interface WatchOptions extends AccessOptions {
  json?: boolean;
  /** Only the end is told. */
  quiet?: boolean;
}

export function kindOfOperation({ kind }: Operation): KindDefinition {
  return kind === 'Backup' ? backupKind : restoreKind;
}

/** Exit code 0 only when it completed. @throws CliError when it did not */
export async function watchOperation(
  io: Io,
  client: KubeClient,
  operation: Operation,
  options: WatchOptions,
): Promise<ExitCode> {
  const full = fullName(kindOfOperation(operation), operation.metadata.name);
  const left = new AbortController();
  const onSignal = () => left.abort();
  process.once('SIGINT', onSignal);
  const rate = new RateEstimate();
  const { name } = operation.metadata;
  const viewOptions = { io, rate, now: () => performance.now(), name, kind: operation.kind };
  const view = openView(viewKind(io, options), viewOptions);
  let ended: Operation | undefined;
  try {
    const signal = AbortSignal.any([left.signal, io.gone]);
    ended = await toItsEnd({ client, operation, options, signal, view, rate });
  } finally {
    process.off('SIGINT', onSignal);
    view.close();
  }
  if (!ended) {
    const word = operation.kind.toLowerCase();
    say(io, `${full} goes on. Watch it again: aileron ${word} watch ${name}; end it: aileron ${word} cancel ${name}`);
    return exitCodes.interrupted;
  }
  if (options.json) print(io, JSON.stringify(endingRecord(ended)));
  const { sentence, notes, completed } = endingOf(ended);
  if (!completed) throw new CliError(`${name} ${sentence}`);
  if (!options.json) print(io, `${full} ${sentence}`);
  for (const note of notes) say(io, note);
  return exitCodes.ok;
}

interface Looking {
  client: KubeClient;
  operation: Operation;
  options: WatchOptions;
  signal: AbortSignal;
  view: OperationView;
  rate: RateEstimate;
}

/** The finished object; `undefined` when the signal came first. @throws CliError when the object is gone */
async function toItsEnd({ client, operation, options, signal, view, rate }: Looking): Promise<Operation | undefined> {
  const kind = kindOfOperation(operation);
  const { name, uid } = operation.metadata;
  let current = operation;
  let heard: OperationNumbers | undefined;
  let phase = '';
  const show = () => {
    const state = stateOf(current, heard);
    // Other bytes are counted in another phase, at another pace.
    if (state.phase !== phase) rate.reset();
    ({ phase } = state);
    rate.add(state.bytesWritten, performance.now());
    view.show(state);
  };
  show();
  if (isFinished(current)) return current;
  const stopListening = await listening(options, operation, (numbers) => {
    heard = numbers;
    show();
  });
  try {
    const onLost = (error: CliError) => view.notice(`${error.message} Waiting for it.`);
    for await (const seen of followObject<Operation>(client, kind, name, { signal, onLost })) {
      if (seen?.metadata.uid !== uid)
        throw new CliError(`${fullName(kind, name)} was deleted.`, { exitCode: exitCodes.failed });
      current = seen;
      show();
      if (isFinished(current)) return current;
    }
    return undefined;
  } finally {
    stopListening();
  }
}

async function listening(
  options: WatchOptions,
  operation: Operation,
  onNumbers: (numbers: OperationNumbers) => void,
): Promise<() => void> {
  if (options.quiet || options.kubeconfig !== undefined) return () => {};
  // What there is to warn of has been told when the node was looked for.
  const config = await loadConfig({ path: options.config || undefined, warn: () => {} });
  return listenForProgress(config, operation, onNumbers);
}
