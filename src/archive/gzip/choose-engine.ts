// Which of the two engines this machine gets. Only the process of a job asks, so the daemon never loads koffi.
import type { GzipEngine } from './engine.ts';
import { zlibEngine } from './zlib.ts';

export interface ChosenEngine {
  engine: GzipEngine;
  /** Why it is not the fast one. */
  reason?: string;
}

export async function chooseEngine(): Promise<ChosenEngine> {
  try {
    const { IsalEngine } = await import('./isal.ts');
    return { engine: await IsalEngine.load() };
  } catch (error) {
    return { engine: zlibEngine, reason: error instanceof Error ? error.message : String(error) };
  }
}
