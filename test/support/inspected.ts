// A container as Docker's inspect tells it, for comparing it whole with what a test expects.
import assert from 'node:assert/strict';
import { request } from './docker.ts';

export type Json = Record<string, unknown>;

/** Of a made container, where Docker fills in its own: names of what a body of ours never has. */
const dockersOwn = {
  Config: ['Volumes', 'OnBuild'],
  HostConfig: ['CgroupnsMode', 'IpcMode', 'Runtime', 'MaskedPaths', 'ReadonlyPaths', 'ConsoleSize'],
};

/** As inspect tells a bind: what is not true is left out. */
export function bind(Source: string, Target: string, ReadOnly = false): Json {
  return { Type: 'bind', Source, Target, ...(ReadOnly ? { ReadOnly } : {}) };
}

/** The settings of a container without what is empty, and without what is Docker's own. */
export async function inspected(name: string): Promise<Record<'Name' | 'Config' | 'HostConfig', unknown>> {
  const raw = JSON.parse(await request(process.env, 'GET', `/containers/${name}/json`)) as {
    Name: string;
    Mounts: { Propagation: string }[];
    Config: Json;
    HostConfig: Json;
  };
  assert.ok(raw.Mounts.every(({ Propagation }) => Propagation === 'rprivate'));
  assert.notEqual(raw.HostConfig['IpcMode'], 'host');
  return {
    Name: raw.Name,
    Config: stated(raw.Config, dockersOwn.Config),
    HostConfig: stated(raw.HostConfig, dockersOwn.HostConfig),
  };
}

function stated(fields: Json, without: readonly string[]): Json {
  return Object.fromEntries(Object.entries(fields).filter(([key, value]) => !without.includes(key) && !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === '' || value === false || value === 0) return true;
  // How newer engines tell that there is no restart policy.
  if (value === 'no') return true;
  if (typeof value !== 'object') return false;
  return Object.values(value).every((member) => typeof member !== 'object' && isEmpty(member));
}
