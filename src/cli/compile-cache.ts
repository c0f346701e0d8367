// Node's compile cache, kept in the state directory: it spares the daemon the compiling of its modules at each start
// and the memory of the sources. Never needed for the right result, so nothing here may stop a start.
import { mkdir } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

/** Whoever can write the cache can run code as the daemon: it lies in the state directory, which is the daemon's alone. */
export async function enableCompileCacheFor(configPath: string | undefined): Promise<void> {
  try {
    const [{ loadConfig }, { processEnvironment }] = await Promise.all([
      import('../config/load.ts'),
      import('../config/environment.ts'),
    ]);
    const options = configPath === undefined ? {} : { path: configPath };
    const config = await loadConfig({ ...options, env: processEnvironment, warn() {} });
    const folder = join(dirname(config.aileron.store.path), 'compile-cache');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    enableCompileCache(folder);
  } catch {
    // The same error stops main.ts, which says it in one sentence.
  }
}
