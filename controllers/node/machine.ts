// What this machine says of itself without Docker.
import { statfs } from 'node:fs/promises';
import { arch, availableParallelism, release, totalmem } from 'node:os';
import { aileronVersion } from '../../src/telemetry/version.ts';

export interface DiskSpace {
  totalBytes: number;
  /** What an ordinary user may still fill. */
  freeBytes: number;
}

export interface Machine {
  cpus: number;
  memoryBytes: number;
  kernel: string;
  architecture: string;
  nodeVersion: string;
  aileronVersion: string;
  /** Of the file system that holds the servers. @throws what the system says of the directory */
  disk(): Promise<DiskSpace>;
}

export function thisMachine(dataDirectory: string): Machine {
  return {
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    architecture: arch(),
    nodeVersion: process.version,
    aileronVersion,
    async disk() {
      const { bsize, blocks, bavail } = await statfs(dataDirectory);
      return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
    },
  };
}
