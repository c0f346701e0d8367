// `aileron version`: of this command line and of the Node.js under it.
import { aileronVersion } from '../../telemetry/version.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, print } from '../io.ts';

export function version(io: Io, { json }: { json?: boolean }): ExitCode {
  const versions = { aileron: aileronVersion.replace(/^v/, ''), node: process.version.slice(1) };
  if (json) print(io, JSON.stringify(versions));
  else print(io, `aileron v${versions.aileron}\nNode.js v${versions.node}`);
  return exitCodes.ok;
}
