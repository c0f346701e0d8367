// Creates a Backup or a Restore and, when asked, follows it. Without a name it gets one that tells server and time.
import type { KindDefinition } from '../../resources/kinds.ts';
import { apiVersionOf } from '../../resources/kinds.ts';
import type { ExitCode } from '../exit-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Io, print } from '../io.ts';
import { fullName } from '../kind-words.ts';
import { ApiError, KubeClient } from '../kube-client.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import type { Operation } from './state.ts';
import { watchOperation } from './watch.ts';

export interface CreateOptions extends AccessOptions {
  name?: string;
  /** Show it until its end. */
  watch?: boolean;
  /** Say only how it ended. */
  wait?: boolean;
  json?: boolean;
}

/** Names of one second that may be tried before the node's refusal is told. */
const maxAttempts = 9;
const longestName = 253;

export async function createOperation(
  io: Io,
  kind: KindDefinition,
  { stem, spec }: { stem: string; spec: object },
  options: CreateOptions,
): Promise<ExitCode> {
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    const created = await withFreeName(options.name, stem, (name) =>
      client.create(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name }, spec }),
    );
    const follow = options.watch || options.wait;
    if (!options.json) print(io, `${fullName(kind, created.metadata.name)} created`);
    else if (!follow) print(io, JSON.stringify(created));
    if (!follow) return exitCodes.ok;
    return await watchOperation(io, client, created as unknown as Operation, {
      ...options,
      quiet: !options.watch,
    });
  } finally {
    client.close();
  }
}

async function withFreeName<T>(
  name: string | undefined,
  stem: string,
  create: (name: string) => Promise<T>,
): Promise<T> {
  const first = name ?? defaultName(stem, new Date());
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await create(attempt === 1 ? first : `${first}-${attempt}`);
    } catch (error) {
      const isTaken = error instanceof ApiError && error.reason === 'AlreadyExists';
      if (!isTaken || name !== undefined || attempt >= maxAttempts) throw error;
    }
  }
}

/** `<stem>-<yyyymmdd-hhmmss>` in UTC; a stem too long for a name is cut. */
export function defaultName(stem: string, at: Date): string {
  const [date = '', time = ''] = at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T');
  const end = `-${date}-${time}`;
  const room = longestName - end.length - 2; // for `-2`
  return `${stem.slice(0, room).replace(/[^a-z0-9]+$/, '')}${end}`;
}
