// The words people use for kinds: `server`, `servers`, `gs`, `Server`, `servers.aileron.dev`, and `server/demo`.
import { type KindDefinition, kindDefinitions, serverKind } from '../resources/kinds.ts';
import { usageError } from './exit-codes.ts';

export interface Target {
  kind: KindDefinition;
  name: string;
}

/** @throws CliError (usage) that lists the kinds */
export function kindOf(word: string): KindDefinition {
  const lower = word.toLowerCase();
  const found = kindDefinitions.find((kind) => wordsFor(kind).includes(lower));
  if (found) return found;
  throw usageError(`There is no kind ${JSON.stringify(word)}; the kinds are ${kindDefinitions.map(shown).join(', ')}.`);
}

/** Every word that means this kind, in lower case. */
export function wordsFor({ kind, plural, singular, shortNames, group }: KindDefinition): string[] {
  const words = [plural, singular, kind.toLowerCase(), ...shortNames];
  return group ? [...words, `${plural}.${group}`, `${singular}.${group}`] : words;
}

/** `server demo lobby`, `server/demo server/lobby`; without a name, every object of the kind. @throws CliError (usage) */
export function targetsOf(words: readonly string[]): { kind: KindDefinition; names: string[] } {
  const [first = '', ...rest] = words;
  if (!first.includes('/')) return { kind: kindOf(first), names: rest.map(checkedName) };
  const targets = words.map((word) => {
    const [kind = '', name = '', ...more] = word.split('/');
    if (name === '' || more.length > 0)
      throw usageError(`${JSON.stringify(word)} is no KIND/NAME; the first one was, so all of them have to be.`);
    return { kind: kindOf(kind), name };
  });
  const kind = targets[0]!.kind;
  if (targets.some((target) => target.kind !== kind)) throw usageError('Objects of one kind at a time, please.');
  return { kind, names: targets.map(({ name }) => checkedName(name)) };
}

/** `demo` or `server/demo`, where only a server makes sense. @throws CliError (usage) */
export function serverName(word: string): string {
  return nameOf(serverKind, word);
}

/** `NAME` or `KIND/NAME`, where only one kind makes sense. @throws CliError (usage) */
export function nameOf({ kind, singular }: KindDefinition, word: string): string {
  const [given = '', name, ...more] = word.includes('/') ? word.split('/') : [kind, word];
  if (kindOf(given).kind !== kind || !name || more.length > 0)
    throw usageError(`${JSON.stringify(word)} is no ${singular}; write its name, or ${singular}/NAME.`);
  return checkedName(name);
}

/** As `kubectl` and `-o name` say it: `server.aileron.dev/demo`. */
export function fullName({ singular, group }: KindDefinition, name: string): string {
  return `${group ? `${singular}.${group}` : singular}/${name}`;
}

function checkedName(name: string): string {
  if (name.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return name;
  throw usageError(`${JSON.stringify(name)} is no name; names have lower-case letters, digits, hyphens and dots.`);
}

function shown({ plural, shortNames }: KindDefinition): string {
  return shortNames.length > 0 ? `${plural} (${shortNames.join(', ')})` : plural;
}
