// Prints, as JSON, what other set-up needs to know of the daemon's settings once files and environment are laid
// together. Runs under Node.js 24: it uses the daemon's own reader.
import { processEnvironment } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/load.ts';

const { aileron } = await loadConfig({ path: process.argv[2], env: processEnvironment });
process.stdout.write(JSON.stringify({ kube: aileron.kube, ops: aileron.ops }));
