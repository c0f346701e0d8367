// How the work on an installation failed, as one word for programs and a sentence for people that names no path of the node.
import type { Config } from '../../src/config/config.ts';
import { ImageError } from '../../src/containers/images.ts';
import { publicReason } from '../../src/containers/public-reason.ts';
import { UnbuildableError } from '../../src/containers/unbuildable.ts';
import { DockerError } from '../../src/docker/engine.ts';
import { asSentence, type OperationOutcome } from '../../src/runtime/operation-status.ts';

export type InstallFailure = 'ScriptUnavailable' | 'InstallerRemoved' | 'NameTaken' | 'TmpDirectoryUnsafe' | 'Timeout';

/** The message is for people. */
export class InstallError extends Error {
  readonly reason: InstallFailure;
  constructor(message: string, { reason, cause }: { reason: InstallFailure; cause?: unknown }) {
    super(message, { cause });
    this.name = 'InstallError';
    this.reason = reason;
  }
}

/** Whatever went wrong has an outcome: what nobody foresaw may name anything, so only the log tells of it. */
export function failureOf(error: unknown, config: Pick<Config, 'system'>): OperationOutcome {
  const failed = (reason: string, text: string): OperationOutcome => ({
    ...{ result: 'Failed', reason, message: asSentence(text) },
  });
  if (error instanceof InstallError) return failed(error.reason, publicReason(error, config));
  if (error instanceof ImageError) {
    const why = error.cause === undefined ? '' : `: ${publicReason(error.cause, config)}`;
    return failed('ImageUnavailable', `the image of the installer cannot be had${why}`);
  }
  if (error instanceof UnbuildableError || error instanceof DockerError) {
    return failed('NotStarted', `the installer could not be started: ${publicReason(error, config)}`);
  }
  return failed('InternalError', 'The installation failed for a reason that only the log of the daemon tells.');
}
