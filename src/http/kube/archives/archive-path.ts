// The path of a file or directory in an archive, as a request names it: relative, whole components, no way up. Pure.
import { withoutEnd } from '../../../text/without-end.ts';
import { badRequest, StatusError } from '../status.ts';

const maxPathBytes = 4096;
const maxComponentBytes = 255;
const maxDepth = 128;

/** Without `./` in front and `/` behind. @throws StatusError 400 */
export function archivePath(text: string | undefined): string {
  const path = withoutEnd((text ?? '').replace(/^(?:\.\/)+/, ''), '/');
  if (path === '') throw bad('names the file or directory that is wanted, relative to the server');
  if (path.startsWith('/')) throw bad('is relative to the server: it begins with no slash');
  if (path.includes('\0')) throw bad('holds a byte that no name can hold');
  if (Buffer.byteLength(path) > maxPathBytes) throw bad(`is at most ${maxPathBytes} bytes long`);
  const components = path.split('/');
  if (components.length > maxDepth) throw bad(`is at most ${maxDepth} directories deep`);
  for (const component of components) {
    if (component === '' || component === '.' || component === '..')
      throw bad('has no empty component, no . and no ..');
    if (Buffer.byteLength(component) > maxComponentBytes)
      throw bad(`has components of at most ${maxComponentBytes} bytes`);
  }
  return path;
}

function bad(why: string): StatusError {
  return new StatusError(badRequest(`the query parameter path ${why}`));
}
