// `aileron apply`: brings objects of files to the node, as `kubectl apply` does. One that fails keeps no other back.
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, print, say } from '../io.ts';
import { fullName } from '../kind-words.ts';
import { ApiError, KubeClient } from '../kube-client.ts';
import { patchFor, withMemory } from '../last-applied.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import { type FileObject, objectsOf } from '../object-files.ts';

export interface ApplyOptions extends AccessOptions {
  filename: string[];
  dryRun?: boolean;
}

/** Somebody else may create or delete the object between a look and a write. */
const maxAttempts = 4;

export async function apply(io: Io, options: ApplyOptions): Promise<ExitCode> {
  const objects = await objectsOf(io, options.filename);
  const client = new KubeClient(await nodeAccess(io, options));
  let worst: ExitCode = exitCodes.ok;
  try {
    for (const object of objects) {
      try {
        if (object instanceof CliError) throw object;
        const done = await applyOne(client, object, options);
        print(io, `${fullName(object.kind, object.name)} ${done}${options.dryRun ? ' (dry run)' : ''}`);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        if (error.exitCode === exitCodes.unreachable) throw error;
        say(io, `aileron: ${object instanceof CliError ? '' : `${object.place}: `}${error.message}`);
        worst = Math.max(worst, error.exitCode) as ExitCode;
      }
    }
    return worst;
  } finally {
    client.close();
  }
}

async function applyOne(
  client: KubeClient,
  { kind, name, object }: FileObject,
  { dryRun }: ApplyOptions,
): Promise<'created' | 'configured' | 'unchanged'> {
  const wanted = withMemory(object);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const current = await client.find(kind, name);
      if (!current) {
        await client.create(kind, wanted, { dryRun });
        return 'created';
      }
      const patch = patchFor(current, wanted);
      if (Object.keys(patch).length === 0) return 'unchanged';
      const written = await client.patch(kind, name, patch, { dryRun });
      return written.metadata.resourceVersion === current.metadata.resourceVersion && !dryRun
        ? 'unchanged'
        : 'configured';
    } catch (error) {
      const raced = error instanceof ApiError && (error.reason === 'AlreadyExists' || error.reason === 'NotFound');
      if (!raced || attempt >= maxAttempts) throw error;
    }
  }
}
