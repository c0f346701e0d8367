// `aileron up`: the daemon itself.
import type { ExitCode } from '../exit-codes.ts';

export interface UpOptions {
  config?: string | undefined;
  debug?: boolean | undefined;
  ignoreCertificateErrors?: boolean | undefined;
}

export async function up({ config, debug, ignoreCertificateErrors }: UpOptions): Promise<ExitCode> {
  const { run } = await import('../../main.ts');
  return (await run({ configPath: config, debug, ignoreCertificateErrors })) as ExitCode;
}
