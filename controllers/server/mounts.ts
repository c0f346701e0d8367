// What of the host a container sees. The node's own mounts are fixed; those of the spec pass only when the operator
// allowed their real source, whatever links stand in its path and whatever a Panel sent.
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import type { Mount } from '../../src/docker/engine.ts';
import type { Server, ServerSpec } from '../../src/resources/server.ts';

export interface RefusedMount {
  source: string;
  target: string;
  /** Ends a sentence that begins with the source or the target. */
  reason: string;
}

const baseDirectory = '/home/container';

/** Never mounted from, whatever `allowed_mounts` says. */
const systemDirectories = ['/etc', '/proc', '/sys', '/dev', '/run'];

const forbiddenTargets = ['/proc', '/sys', '/dev', '/etc'];

/** Data directory, user database and machine id, in the order Wings has them. */
export function baseMounts(uuid: string, config: Config, machineIdPath?: string): Mount[] {
  const { passwd } = config.system.user;
  const mounts = [bind(join(config.system.data, uuid), baseDirectory, false)];
  if (passwd.enable) {
    mounts.push(bind(join(passwd.directory, 'passwd'), '/etc/passwd', true));
    mounts.push(bind(join(passwd.directory, 'group'), '/etc/group', true));
  }
  if (machineIdPath !== undefined) mounts.push(bind(machineIdPath, '/etc/machine-id', true));
  return mounts;
}

/** The mounts of the spec that may be made, with real paths as sources, and why the others may not. */
export async function allowedMounts(
  server: Server,
  config: Config,
): Promise<{ mounts: Mount[]; refused: RefusedMount[] }> {
  const mounts: Mount[] = [];
  const refused: RefusedMount[] = [];
  if (server.spec.mounts.length === 0) return { mounts, refused };
  const allowed = await existing(config.allowedMounts.filter((path) => posix.isAbsolute(path)));
  const forbidden = await forbiddenSources(config);
  for (const wanted of server.spec.mounts) {
    const { source, target } = wanted;
    const checked = await checkedMount(wanted, { allowed, forbidden, config, present: mounts });
    if (typeof checked === 'string') refused.push({ source, target, reason: checked });
    else mounts.push(checked);
  }
  return { mounts, refused };
}

/** Sources that lead somewhere else than when they were allowed: a link was put in their path meanwhile. */
export async function swappedSources(mounts: readonly Mount[]): Promise<string[]> {
  const swapped: string[] = [];
  for (const { Source } of mounts) if ((await realpathOf(Source)) !== Source) swapped.push(Source);
  return swapped;
}

/** `path` is `directory` or lies below it, compared component by component. Both absolute and normal. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === '/') return true;
  return path === directory || path.startsWith(`${directory}/`);
}

interface Rules {
  allowed: string[];
  forbidden: ForbiddenSources;
  config: Config;
  present: Mount[];
}

interface ForbiddenSources {
  /** Neither these, nor what is below them, nor a directory that holds one. */
  trees: string[];
  /** Neither these nor a directory that holds one; below them may be places of the operator's. */
  tops: string[];
}

/** The mount, or why not. */
async function checkedMount(wanted: ServerSpec['mounts'][number], rules: Rules): Promise<Mount | string> {
  const target = cleaned(wanted.target);
  const unfit = unfitTarget(target, rules);
  if (unfit !== undefined) return unfit;
  if (wanted.source.includes('\0')) return 'has a NUL byte in its path';
  const source = await realpathOf(wanted.source);
  if (source === undefined) return 'does not exist on this node, or this daemon may not see it';
  if (!rules.allowed.some((entry) => isWithin(source, entry))) return 'is not at or below an entry of allowed_mounts';
  const { trees, tops } = rules.forbidden;
  if (trees.some((path) => isWithin(source, path))) return 'belongs to the system or to this daemon';
  if ([...trees, ...tops].some((path) => isWithin(path, source)))
    return 'contains what belongs to the system or to this daemon';
  if (!(await isFileOrDirectory(source))) return 'is neither a directory nor a regular file';
  return bind(source, target, wanted.readOnly);
}

function unfitTarget(target: string, { config, present }: Rules): string | undefined {
  if (!posix.isAbsolute(target) || target.includes('\0')) return 'has a target that is not an absolute path';
  if (target === '/' || forbiddenTargets.some((path) => isWithin(target, path))) {
    return 'has a target that the system of the container needs';
  }
  if (config.blockBaseDirMount && (isWithin(target, baseDirectory) || isWithin(baseDirectory, target))) {
    return `has a target in or above ${baseDirectory}`;
  }
  if (target === baseDirectory || target === '/tmp' || present.some(({ Target }) => Target === target)) {
    return 'has a target that is taken';
  }
  return undefined;
}

async function forbiddenSources({ path, system, docker, aileron }: Config): Promise<ForbiddenSources> {
  const root = system.rootDirectory;
  const trees = [
    ...systemDirectories,
    docker.socket,
    path,
    system.data,
    system.logDirectory,
    system.archiveDirectory,
    system.backupDirectory,
    system.tmpDirectory,
    system.user.passwd.directory,
    system.machineId.directory,
    dirname(aileron.store.path),
    ...['aileron', 'states.json', 'wings.db', '.tls-cache'].map((name) => join(root, name)),
  ];
  return { trees: await resolvedAsFar(trees), tops: await resolvedAsFar([root, dirname(path)]) };
}

/** Both the names and where they lead to; what does not exist yet counts under its resolved parent. */
async function resolvedAsFar(paths: string[]): Promise<string[]> {
  const all = new Set<string>();
  for (const path of paths.filter((path) => posix.isAbsolute(path))) {
    all.add(cleaned(path));
    const parent = await realpathOf(dirname(path));
    const real = (await realpathOf(path)) ?? (parent === undefined ? undefined : join(parent, basename(path)));
    if (real !== undefined) all.add(real);
  }
  return [...all];
}

async function existing(paths: string[]): Promise<string[]> {
  const real = await Promise.all(paths.map(realpathOf));
  return real.filter((path) => path !== undefined);
}

/** `undefined`: there is nothing by that path, as far as this daemon may see. */
async function realpathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function isFileOrDirectory(path: string): Promise<boolean> {
  try {
    const kind = await lstat(path);
    return kind.isDirectory() || kind.isFile();
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Without `.`, `..`, doubled and trailing slashes. */
function cleaned(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function bind(source: string, target: string, readOnly: boolean): Mount {
  return { Type: 'bind', Source: source, Target: target, ReadOnly: readOnly };
}
