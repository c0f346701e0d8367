// `aileron doctor`: looks at everything a node needs and says what is wrong, each with what to do about it. It changes
// nothing, and asks nobody but the Panel and the node's own name.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/config-error.ts';
import { loadConfig, wingsPaths } from '../../config/load.ts';
import { aileronVersion } from '../../telemetry/version.ts';
import { checkCertificates } from '../doctor/certificates.ts';
import { checkClock } from '../doctor/clock.ts';
import { checkConsole } from '../doctor/console.ts';
import { checkDaemon, runningDaemon } from '../doctor/daemon.ts';
import { checkDisk } from '../doctor/disk.ts';
import { checkDocker } from '../doctor/docker.ts';
import { type Check, type Finding, type Level, ok, problem } from '../doctor/finding.ts';
import { checkManifests } from '../doctor/manifests.ts';
import { checkPanel } from '../doctor/panel.ts';
import { checkConfigFiles, checkStateFiles } from '../doctor/permissions.ts';
import { checkPorts } from '../doctor/ports.ts';
import { checkReach } from '../doctor/reach.ts';
import { checkVersions } from '../doctor/versions.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, print, styled } from '../io.ts';

export interface DoctorOptions {
  config?: string;
  fqdn?: string;
  offline?: boolean;
  json?: boolean;
}

interface Section {
  name: string;
  findings: Finding[];
}

const checks: readonly [name: string, check: Check][] = [
  ['files', checkStateFiles],
  ['docker', checkDocker],
  ['daemon', checkDaemon],
  ['ports', checkPorts],
  ['disk', checkDisk],
  ['clock', checkClock],
  ['certificates', checkCertificates],
  ['manifests', checkManifests],
  ['panel', checkPanel],
  ['reach', checkReach],
  ['console', checkConsole],
];

export async function doctor(io: Io, options: DoctorOptions): Promise<ExitCode> {
  const sections: Section[] = [];
  const add = (name: string, findings: Finding[]) => {
    sections.push({ name, findings });
    if (!options.json) for (const finding of findings) show(io, name, finding);
  };
  add('versions', checkVersions(aileronVersion));
  const given = options.config || undefined; // an empty AILERON_CONFIG counts as not set
  const path = given === undefined ? wingsPaths.find((one) => existsSync(one)) : resolve(given);
  const findings = path === undefined ? [] : await checkConfigFiles(path);
  const loaded = await settings(io, given);
  add('config', [...findings, loaded.finding]);
  if (loaded.config) {
    const { fqdn, offline = false } = options;
    const examined = { config: loaded.config, env: io.env, daemon: await runningDaemon(loaded.config), fqdn, offline };
    for (const [name, check] of checks) add(name, await surely(check(examined)));
  }
  return conclude(io, options, sections);
}

async function settings(io: Io, path: string | undefined): Promise<{ config?: Config; finding: Finding }> {
  try {
    const config = await loadConfig({ path, env: io.env, warn() {} });
    return { config, finding: ok(`The settings in ${config.path} can be used`) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return {
      finding: problem(
        error.message.replace(/\.$/, ''),
        'Correct that, then run this again: most checks need the settings.',
      ),
    };
  }
}

/** One check that fails keeps no other from being made. */
async function surely(check: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await check;
  } catch (error) {
    return [
      problem(
        `This could not be looked at: ${(error as Error).message}`,
        'Run this as the user of the daemon, or as root.',
      ),
    ];
  }
}

function show(io: Io, name: string, { level, says, remedy }: Finding): void {
  const marks: Record<Level, string> = {
    ok: styled(io, io.stdout, 'green', 'ok      '),
    warning: styled(io, io.stdout, 'yellow', 'warning '),
    problem: styled(io, io.stdout, 'red', 'problem '),
  };
  print(io, `${marks[level]} ${name.padEnd(12)} ${says}.`);
  if (remedy) print(io, `${' '.repeat(22)}${styled(io, io.stdout, 'bold', '→')} ${remedy}`);
}

function conclude(io: Io, { json }: DoctorOptions, sections: readonly Section[]): ExitCode {
  const count = (level: Level) =>
    sections.flatMap(({ findings }) => findings).filter((one) => one.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (json) {
    const findings = sections.flatMap((section) =>
      section.findings.map((finding) => ({ check: section.name, ...finding })),
    );
    print(io, JSON.stringify({ healthy: problems === 0, problems, warnings, findings }, undefined, 2));
  } else {
    const named = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`;
    print(
      io,
      problems + warnings === 0
        ? '\nNothing is wrong.'
        : `\n${named(problems, 'problem')}, ${named(warnings, 'warning')}.`,
    );
  }
  return problems === 0 ? exitCodes.ok : exitCodes.failed;
}
