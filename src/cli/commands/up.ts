// `aileron up`: the daemon itself.
import type { ExitCode } from '../exit-codes.ts';

export async function up({ config }: { config?: string }): Promise<ExitCode> {
  const { run } = await import('../../main.ts');
  return (await run(config === undefined ? {} : { configPath: config })) as ExitCode;
}
