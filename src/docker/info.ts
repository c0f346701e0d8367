// What the engine tells of itself and of its machine.
import type { Connection } from './connection.ts';
import type { EngineInfo } from './engine.ts';
import { list, number, object, text } from './json.ts';

export async function readInfo(connection: Connection): Promise<EngineInfo> {
  const [info, version] = await Promise.all([
    connection.json({ method: 'GET', path: '/info' }).then(object),
    connection.json({ method: 'GET', path: '/version' }).then(object),
  ]);
  const component = (name: string) => {
    const found = list(version.Components)
      .map(object)
      .find((entry) => text(entry.Name) === name);
    return text(found?.Version);
  };
  return {
    version: text(version.Version),
    apiVersion: text(version.ApiVersion),
    os: text(info.OperatingSystem),
    arch: text(version.Arch),
    kernel: text(info.KernelVersion),
    cpus: number(info.NCPU),
    memoryBytes: number(info.MemTotal),
    rootDir: text(info.DockerRootDir),
    // Engines before 20.10 do not say it, and knew only the first.
    cgroupVersion: text(info.CgroupVersion) || '1',
    containerdVersion: component('containerd'),
    runcVersion: component('runc'),
    runcCommit: text(object(info.RuncCommit).ID),
    osType: text(info.OSType),
    cgroupDriver: text(info.CgroupDriver),
    storageDriver: text(info.Driver),
    backingFilesystem: text(driverStatus(info.DriverStatus)['Backing Filesystem']),
    containers: {
      total: number(info.Containers),
      running: number(info.ContainersRunning),
      paused: number(info.ContainersPaused),
      stopped: number(info.ContainersStopped),
    },
  };
}

/** Pairs of a name and a value. */
function driverStatus(pairs: unknown): Record<string, unknown> {
  return Object.fromEntries(list(pairs).map((pair) => [text(list(pair)[0]), list(pair)[1]]));
}
