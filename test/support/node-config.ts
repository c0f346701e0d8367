// Settings of a whole node below one temporary directory: free ports, no network, no user but the present one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Config, Flavour } from '../../src/config/config.ts';
import { aConfig } from './a-config.ts';

/** The directory and everything in it are gone after the test. */
export function temporaryDirectory(t: Pick<TestContext, 'after'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'aileron-'));
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return directory;
}

export interface NodeConfigOptions {
  flavour?: Flavour;
  yaml?: string;
  aileron?: Partial<Config['aileron']>;
}

export function nodeConfig(
  directory: string,
  { flavour = 'pelican', yaml = '', aileron = {} }: NodeConfigOptions = {},
): Config {
  const base = `
system:
  root_directory: ${directory}/root
  log_directory: ${directory}/log
  tmp_directory: ${directory}/tmp
  username: ${userInfo().username}
  timezone: UTC
  check_permissions_on_boot: false
  disk_check_interval: 0
  user: { passwd: { enable: false } }
  machine_id: { enable: true, directory: ${directory}/machine-id }
docker:
  network: { name: none, network_mode: none, dns: [] }
`;
  const config = aConfig(flavour, base + yaml);
  return {
    ...config,
    api: { ...config.api, host: '127.0.0.1', port: 0 },
    system: {
      ...config.system,
      user: { ...config.system.user, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    },
    aileron: {
      ...config.aileron,
      kube: { host: '127.0.0.1', port: 0 },
      ops: { host: '127.0.0.1', port: 0 },
      store: { path: join(directory, 'state', 'store.db') },
      stopGraceSeconds: 3,
      ...aileron,
    },
  };
}
