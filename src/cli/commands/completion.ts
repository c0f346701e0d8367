// `aileron completion SHELL`: what a shell evaluates to complete our commands. It only carries words to and fro: each
// press of Tab asks `aileron complete`.
import type { Command } from 'commander';
import { candidates } from '../completion-words.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, print } from '../io.ts';
import { kindOf } from '../kind-words.ts';
import { KubeClient } from '../kube-client.ts';
import { nodeAccess } from '../node-access.ts';

/** Instead of words: the shell completes names of files. */
const filesWord = ':files';
/** Who presses Tab does not wait for a node that is down. */
const patienceMs = 2_000;

const scripts: Record<string, string> = {
  bash: `_aileron() {
  local IFS=$'\\n' reply
  reply=$("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $reply == ${filesWord} ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($reply)
  fi
}
complete -F _aileron aileron
`,
  zsh: `#compdef aileron
_aileron() {
  local -a reply
  reply=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ $reply[1] == ${filesWord} ]]; then _files; else compadd -- $reply; fi
}
compdef _aileron aileron
`,
  fish: `function __aileron_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l reply ($words[1] complete -- $words[2..-1] 2>/dev/null)
  if test "$reply[1]" = "${filesWord}"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $reply
  end
end
complete -c aileron -f -a '(__aileron_complete)'
`,
};

export function completion(io: Io, name: string): ExitCode {
  io.stdout.write(scripts[name] ?? '');
  return exitCodes.ok;
}

/** `aileron complete -- WORDS`: one candidate a line. Whatever goes wrong, there is just nothing to offer. */
export async function complete(io: Io, program: Command, words: readonly string[]): Promise<ExitCode> {
  const names = (kind: string) => namesOf(io, kind, words).catch(() => []);
  const found = await candidates(program, words, names);
  if ('files' in found) print(io, filesWord);
  else for (const word of found.words) print(io, word);
  return exitCodes.ok;
}

/** By the configuration that stands in the line itself. */
async function namesOf(io: Io, kind: string, words: readonly string[]): Promise<string[]> {
  const valueAfter = (option: string) => {
    const at = words.indexOf(option);
    return at >= 0 && at < words.length - 2 ? words[at + 1] : undefined;
  };
  const config = valueAfter('--config') ?? io.env['AILERON_CONFIG'];
  const kubeconfig = valueAfter('--kubeconfig');
  const access = await nodeAccess(io, { ...(config ? { config } : {}), ...(kubeconfig ? { kubeconfig } : {}) });
  const client = new KubeClient(access);
  const timer = setTimeout(() => client.close(), patienceMs);
  try {
    return (await client.list(kindOf(kind))).items.map(({ metadata }) => metadata.name);
  } finally {
    clearTimeout(timer);
    client.close();
  }
}
