// Turns Node's compile cache on, then hands over to the command line. Plain JavaScript: whatever is loaded before the
// cache is on is compiled at each start, and the first TypeScript file among it costs 35 MB for the stripper of types.
import { enableCompileCache } from 'node:module';
import { openCompileCache } from './compile-cache.mjs';

const folder = openCompileCache(process.argv.slice(2), process.env);
if (folder) {
  enableCompileCache(folder);
  process.env.NODE_COMPILE_CACHE = folder; // threads turn theirs on by it
}
await import('../src/cli/aileron.ts');
