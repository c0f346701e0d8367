// All that a backup must bring back of a tree, as plain data that two trees can be compared by.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface TreeLookOptions {
  /** Whole seconds, as our archives keep them; `none`: not compared. Default nanoseconds. */
  times?: 'nanoseconds' | 'seconds' | 'none';
  /** Compare which names are one file. Default true. */
  links?: boolean;
  /** Compare the owner. Default true. */
  owners?: boolean;
}

/** A line for each name below the directory, sorted; names as hex where they are not plain. */
export function lookOfTree(root: string, options: TreeLookOptions = {}): string[] {
  const inodes = new Map<bigint, string>();
  const lines: string[] = [];
  const visit = (directory: Buffer, prefix: string): void => {
    const names = readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) {
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const shownName = prefix + plain(name);
      lines.push(lineOf(path, shownName, inodes, options));
      if (lstatSync(path).isDirectory()) visit(path, `${shownName}/`);
    }
  };
  visit(Buffer.from(root), '');
  return lines;
}

function lineOf(path: Buffer, shownName: string, inodes: Map<bigint, string>, options: TreeLookOptions): string {
  const stat = lstatSync(path, { bigint: true });
  const owner = options.owners === false ? '' : ` ${stat.uid}:${stat.gid}`;
  if (stat.isSymbolicLink()) return `${shownName} -> ${plain(readlinkSync(path, { encoding: 'buffer' }))}${owner}`;
  const mode = (Number(stat.mode) & 0o7777).toString(8);
  const time =
    options.times === 'none'
      ? ''
      : options.times === 'seconds'
        ? ` ${stat.mtimeNs / 1_000_000_000n}`
        : ` ${stat.mtimeNs}`;
  if (stat.isDirectory()) return `${shownName}/ ${mode}${owner}${time}`;
  if (!stat.isFile()) return `${shownName} special`;
  const first = inodes.get(stat.ino);
  inodes.set(stat.ino, first ?? shownName);
  const link = options.links === false || first === undefined ? '' : ` = ${first}`;
  return `${shownName} ${mode}${owner}${time} ${stat.size} ${digest(path)}${link}`;
}

function digest(path: Buffer): string {
  return createHash('sha1').update(readFileSync(path)).digest('hex').slice(0, 12);
}

function plain(name: Buffer): string {
  const text = name.toString('latin1');
  return /^[\w.@+=,-][\w.@+=, -]*$/.test(text) ? text : `0x${name.toString('hex')}`;
}

/** Everything below a directory, what is in a directory before it. */
export function pathsBelow(root: Buffer): Buffer[] {
  return readdirSync(root, { encoding: 'buffer' }).flatMap((name) => {
    const path = Buffer.concat([root, Buffer.from('/'), name]);
    return [...(lstatSync(path).isDirectory() ? pathsBelow(path) : []), path];
  });
}
