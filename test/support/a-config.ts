// Settings for tests: what an empty configuration gives, with the keys a test is about laid over it as YAML.
import type { Config, Flavour } from '../../src/config/config.ts';
import type { HostFacts } from '../../src/config/host-facts.ts';
import { Section } from '../../src/config/section.ts';
import { isTimezone } from '../../src/config/timezone.ts';
import { wingsSettings } from '../../src/config/wings-config.ts';

export function aConfig(flavour: Flavour = 'pelican', yaml = ''): Config {
  const { quiet: _, ...settings } = wingsSettings(Section.parse('config.yml', yaml), flavour, {});
  const { rootDirectory } = settings.system;
  return {
    flavour,
    path: `/etc/${flavour}/config.yml`,
    ...settings,
    system: { ...settings.system, timezone: settings.system.timezone || 'UTC' },
    token: { id: 'id', secret: 'secret' },
    aileron: {
      nodeName: 'node-1',
      kube: { host: '127.0.0.1', port: 8443 },
      ops: { host: '127.0.0.1', port: 9464 },
      manifests: '',
      store: { path: `${rootDirectory}/aileron/store.db` },
      log: { level: 'info' },
      tracing: { endpoint: '' },
      stopGraceSeconds: 30,
      startsAtATime: 4,
      imagePullTimeoutSeconds: 900,
      installTimeoutSeconds: 14_400,
      installerConfinement: 'strict',
      unscopedTokens: 'untilScoped',
      foreignTokens: 'count',
      downloadLinkUses: 1,
      panelListMinutes: 60,
      diskReserve: { percent: 5, mebibytes: 2048 },
    },
    ignoreCertificateErrors: false,
  };
}

/** A machine of eight CPUs that can do everything. */
export const aHost: HostFacts = { cpus: 8, blkioWeight: true, swapLimit: true, cgroupVersion: 1, isTimezone };
