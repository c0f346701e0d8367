// What backups and restores say on the bus, for tests that speak into it.
import type { OperationCompletion, OperationProgress } from '../../src/bus/bus.ts';

export const backupUuid = '47363ce7-d70a-430e-8e75-6dc87c8d016d';

export function aProgress(parts: Partial<OperationProgress> = {}): OperationProgress {
  const type = parts.type ?? 'create';
  return {
    ...{ operation: 'operation-1', type, backupId: backupUuid, phase: type === 'create' ? 'archive' : 'extract' },
    ...{ percentage: 0, bytesWritten: 0, bytesTotal: 0 },
    ...parts,
  };
}

export function aCompletion(parts: Partial<OperationCompletion> = {}): OperationCompletion {
  const type = parts.type ?? 'create';
  return {
    ...{ operation: 'operation-1', type, backupId: backupUuid, successful: true, error: null, adapter: 'wings' },
    ...(type === 'create'
      ? { checksum: 'da39a3ee5e6b4b0d3255bfef95601890afd80709', size: 1234 }
      : { checksum: '', size: 0 }),
    ...parts,
  };
}
