// What could stand at the end of a command line that is being typed. The shells ask for it with the hidden command
// `complete`, so there is one place that knows, and it knows what program.ts declares.
import type { Command, Option } from 'commander';
import type { KindDefinition } from '../resources/kinds.ts';
import { kindDefinitions } from '../resources/kinds.ts';
import { kindOf } from './kind-words.ts';

/** `files`: the shell completes names of files. */
export type Candidates = { words: string[] } | { files: true };

export type NamesOf = (kind: string) => Promise<string[]>;

const none: Candidates = { words: [] };
const takesFile = /^--(config|kubeconfig|filename|ignore-file|output)$/;
const takesKind = ['get', 'describe', 'delete'];
const takesServer = ['console', 'start', 'stop', 'restart', 'kill'];
/** Arguments that say by their name of which kind they are. */
const kindOfArgument: Record<string, string> = { server: 'servers', backup: 'backups', restore: 'restores' };

/** @param words after `aileron`; the last one is being typed and may be empty */
export async function candidates(program: Command, words: readonly string[], namesOf: NamesOf): Promise<Candidates> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const [name, ...rest] = before;
  if (name === undefined) return matching([...namesBelow(program), 'help'], current);
  if (name === 'help') return rest.length === 0 ? matching(namesBelow(program), current) : none;
  const command = childOf(program, name);
  return command ? ofCommand(command, rest, current, namesOf) : none;
}

/** @param rest words between the name of the command and the one that is being typed */
async function ofCommand(
  command: Command,
  rest: readonly string[],
  current: string,
  namesOf: NamesOf,
): Promise<Candidates> {
  if (command.commands.length > 0) {
    const [name, ...more] = rest;
    const named = name === undefined ? undefined : childOf(command, name);
    if (named) return ofCommand(named, more, current, namesOf);
    const standard = defaultOf(command);
    const other = standard ? await ofCommand(standard, rest, current, namesOf) : none;
    if (name !== undefined || 'files' in other) return other;
    return { words: [...namesBelow(command).filter((word) => word.startsWith(current)), ...other.words] };
  }
  const option = optionOf(command, rest.at(-1));
  if (option) return valuesOf(option, current, namesOf);
  if (current.startsWith('-'))
    return matching(
      command.options.map(({ long, short }) => long ?? short ?? ''),
      current,
    );
  return argumentsOf(command, operandsOf(command, rest), current, namesOf);
}

async function valuesOf(option: Option, current: string, namesOf: NamesOf): Promise<Candidates> {
  if (option.argChoices) return matching(option.argChoices, current);
  if (takesFile.test(option.long ?? '')) return { files: true };
  if (option.long === '--server' || option.long === '--for') return matching(await namesOf('servers'), current);
  return none;
}

async function argumentsOf(
  command: Command,
  operands: readonly string[],
  current: string,
  namesOf: NamesOf,
): Promise<Candidates> {
  const name = command.name();
  if (takesServer.includes(name)) return matching(await namesOf('servers'), current, operands);
  if (takesKind.includes(name)) {
    const [word] = operands;
    if (word === undefined && current.includes('/')) {
      const kind = current.slice(0, current.indexOf('/'));
      return matching(
        (await known(kind, namesOf)).map((one) => `${kind}/${one}`),
        current,
      );
    }
    if (word === undefined)
      return matching(
        kindDefinitions.map(({ plural }) => plural),
        current,
      );
    return word.includes('/') ? none : matching(await known(word, namesOf), current, operands);
  }
  const argument = command.registeredArguments[operands.length] ?? command.registeredArguments.at(-1);
  if (!argument || (operands.length >= command.registeredArguments.length && !argument.variadic)) return none;
  const kind = kindOfArgument[argument.name()];
  if (kind !== undefined) return matching(await namesOf(kind), current, argument.variadic ? operands : []);
  return argument.argChoices ? matching(argument.argChoices, current) : none;
}

async function known(word: string, namesOf: NamesOf): Promise<string[]> {
  let kind: KindDefinition;
  try {
    kind = kindOf(word);
  } catch {
    return []; // no kind, no names
  }
  return namesOf(kind.plural);
}

/** Words that are neither options nor their values. */
function operandsOf(command: Command, words: readonly string[]): string[] {
  return words.filter((word, at) => {
    if (word.startsWith('-')) return false;
    return optionOf(command, words[at - 1]) === undefined;
  });
}

/** The option that takes the word behind this one. */
function optionOf(command: Command, word: string | undefined): Option | undefined {
  return command.options.find(
    ({ long, short, required, optional }) =>
      word !== undefined && (required || optional) && (word === long || word === short),
  );
}

function matching(words: readonly string[], current: string, taken: readonly string[] = []): Candidates {
  return { words: words.filter((word) => word.startsWith(current) && !taken.includes(word)) };
}

function namesBelow(command: Command): string[] {
  return command.commands.filter((one) => !isHidden(one)).map((one) => one.name());
}

function childOf(command: Command, name: string): Command | undefined {
  return command.commands.find((one) => one.name() === name && !isHidden(one));
}

/** The one that is meant when none is named. */
function defaultOf(command: Command): Command | undefined {
  const { _defaultCommandName: name } = command as Command & { _defaultCommandName?: string | null };
  return name ? childOf(command, name) : undefined;
}

function isHidden(command: Command): boolean {
  return (command as Command & { _hidden?: boolean })._hidden === true;
}
