// How many tokens named another Panel, or another address of this node, than the ones that are known.
import { Counter, type Registry } from 'prom-client';

/** The answer counts one. */
export function countForeignTokens(registry: Registry | undefined): (claim: 'iss' | 'aud') => void {
  const counter = new Counter({
    name: 'aileron_foreign_tokens_total',
    help: 'Genuine tokens that name another Panel (iss) or another address of this node (aud).',
    labelNames: ['claim'],
    registers: registry ? [registry] : [],
  });
  for (const claim of ['iss', 'aud']) counter.inc({ claim }, 0);
  return (claim) => counter.inc({ claim });
}
