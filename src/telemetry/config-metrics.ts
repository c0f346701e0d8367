// What of the configuration waits for a restart, and whether somebody switched off a check, as metrics.
import { Gauge, type Registry } from 'prom-client';

export interface ConfigFacts {
  /** Keys that may wait for a restart. */
  keys: readonly string[];
  pendingRestart(): readonly string[];
  ignoreCertificateErrors: boolean;
}

export function createConfigMetrics(registry: Registry, facts: ConfigFacts): void {
  new Gauge({
    name: 'aileron_config_restart_pending',
    help: 'Whether a setting that the Panel pushed waits for a restart of the daemon, by key of config.yml.',
    labelNames: ['key'],
    registers: [registry],
    collect() {
      const pending = facts.pendingRestart();
      for (const key of facts.keys) this.set({ key }, pending.includes(key) ? 1 : 0);
    },
  });
  new Gauge({
    name: 'aileron_panel_certificate_checks_off',
    help: 'Whether certificates of the Panel are not checked, because the command line says so.',
    registers: [registry],
  }).set(facts.ignoreCertificateErrors ? 1 : 0);
}
