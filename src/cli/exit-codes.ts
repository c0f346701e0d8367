// What the exit code of a command says, and the error that carries one. docs/cli.md and --help list the same.

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  /** As a shell says it of a program that SIGINT ended. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeHelp = [
  [exitCodes.ok, 'done'],
  [exitCodes.failed, 'it failed, or did not come true in time'],
  [exitCodes.usage, 'the command line is wrong'],
  [exitCodes.notFound, 'there is no such object'],
  [exitCodes.refused, 'the node refused it: invalid, forbidden, or in conflict with something under way'],
  [exitCodes.unreachable, 'the node does not answer'],
  [exitCodes.interrupted, 'left by Ctrl-C; what was asked for goes on'],
] as const satisfies readonly (readonly [ExitCode, string])[];

/** One sentence for the person at the terminal, and the exit code that goes with it. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  constructor(
    message: string,
    { exitCode = exitCodes.failed, ...options }: { exitCode?: ExitCode } & ErrorOptions = {},
  ) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

export function usageError(message: string, options?: ErrorOptions): CliError {
  return new CliError(message, { exitCode: exitCodes.usage, ...options });
}
