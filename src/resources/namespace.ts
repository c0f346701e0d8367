// Kind Namespace of core/v1: there is one, `default`, because clients of a Kubernetes API look for namespaces before they
// look for anything else. Nobody can change it.
import { AlreadyExistsError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import { eventNamespace } from './event.ts';

export const namespaceSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: { finalizers: { type: 'array', items: { type: 'string' } } },
    },
    status: { type: 'object', properties: { phase: { type: 'string', description: 'Active, always.' } } },
  },
} as const;

/** Ensures that the one namespace is there. */
export async function ensureNamespace(store: Store): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: eventNamespace } };
  try {
    await store.create(namespace);
    await store.updateStatus({ ...namespace, status: { phase: 'Active' } });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}
