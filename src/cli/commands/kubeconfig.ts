// `aileron kubeconfig`: what kubectl needs to reach this node, on standard output. It holds a private key.
import { kubeconfig } from '../../http/kube/pki/kubeconfig.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { localConfig, localPki } from '../node-access.ts';

export async function printKubeconfig(io: Io, options: { config?: string }): Promise<ExitCode> {
  const config = await localConfig(io, options);
  io.stdout.write(kubeconfig({ ...config.aileron.kube, pki: await localPki(config) }));
  return exitCodes.ok;
}
