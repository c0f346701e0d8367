// Whether Docker answers, and whether what answers is good enough.
import { createDockerEngine } from '../../docker/dockerode-engine.ts';
import { DockerUnreachableError, type EngineInfo } from '../../docker/engine.ts';
import { isRuncSafe } from '../../docker/runc.ts';
import { type Check, type Finding, messageOf, ok, problem, warning } from './finding.ts';

/** Docker 20.10: older ones do not know what is asked of containers. */
const oldestApi = [1, 41] as const;

export const checkDocker: Check = async ({ env }) => {
  let info: EngineInfo;
  try {
    info = await createDockerEngine(env).info();
  } catch (error) {
    return [unreachable(env['DOCKER_HOST'] || 'unix:///var/run/docker.sock', error)];
  }
  const found: Finding[] = [];
  const [major = 0, minor = 0] = info.apiVersion.split('.').map(Number);
  if (major < oldestApi[0] || (major === oldestApi[0] && minor < oldestApi[1])) {
    found.push(problem(`Docker ${info.version} is too old`, 'Install Docker 20.10 or newer.'));
  }
  if (isRuncSafe(info.runcVersion) === false) {
    found.push(
      warning(
        `runc ${info.runcVersion} lets a container out of its box (CVE-2025-31133 and its kin)`,
        'Install runc 1.2.8, 1.3.3 or newer, then restart Docker; games that run go on.',
      ),
    );
  }
  return [
    ok(`Docker ${info.version} answers (API ${info.apiVersion}, runc ${info.runcVersion || 'unknown'})`),
    ...found,
  ];
};

function unreachable(where: string, error: unknown): Finding {
  const cause = error instanceof DockerUnreachableError && error.cause ? error.cause : error;
  const code = messageOf(cause);
  const socket = where.replace('unix://', '');
  switch (code) {
    case 'ENOENT':
      return problem(
        `Docker is not there: ${socket} does not exist`,
        'Install Docker, or start it: systemctl start docker.',
      );
    case 'EACCES':
      return problem(
        `This user may not use Docker (${socket})`,
        'Run this as root, or add the user to the group docker.',
      );
    case 'ECONNREFUSED':
      return problem(
        `Docker does not run, though ${socket} exists`,
        'Start it: systemctl start docker; journalctl -u docker says why it ended.',
      );
  }
  return problem(
    `Docker at ${where} does not answer: ${(error as Error).message}`,
    'See whether docker info works; DOCKER_HOST says where Docker is.',
  );
}
