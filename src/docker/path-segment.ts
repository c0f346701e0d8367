// Names on their way into a URL path.
import { DockerError } from './engine.ts';

/** @throws DockerError 400 for what would change the path's meaning */
export function pathSegment(name: string): string {
  if (name === '' || name === '.' || name === '..') throw new DockerError(400, `"${name}" is not a name`);
  return encodeURIComponent(name);
}
