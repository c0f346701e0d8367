// Which Aileron this is, as package.json says it.
import manifest from '../../package.json' with { type: 'json' };

export const aileronVersion: string = manifest.version;
