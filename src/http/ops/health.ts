// Runs the named checks of one health endpoint and says the outcome the way Kubernetes does.
import type { Clock } from '../../clock/clock.ts';

export interface HealthCheck {
  /** One word in kebab-case, such as `docker`. */
  name: string;
  /** What is wrong, in a sentence; undefined when nothing is. */
  check(): Promise<string | undefined>;
  /** What is worth knowing though nothing is wrong with the node, in a sentence. */
  note?(): string | undefined;
}

export interface HealthReport {
  healthy: boolean;
  /** One line a check, then the verdict. */
  text: string;
}

/** ms; a check that takes longer has failed: whoever asks wants an answer now. */
const checkTimeoutMs = 5_000;

export async function runChecks(endpoint: string, checks: readonly HealthCheck[], clock: Clock): Promise<HealthReport> {
  const results = await Promise.all(
    checks.map(async (check) => ({
      name: check.name,
      problem: await runCheck(check, clock),
      note: check.note?.()?.replaceAll(/\s+/g, ' '),
    })),
  );
  const healthy = results.every(({ problem }) => problem === undefined);
  const lines = results.map(({ name, problem, note }) => {
    if (problem !== undefined) return `[-]${name} failed: ${problem}`;
    return note === undefined ? `[+]${name} ok` : `[+]${name} ok: ${note}`;
  });
  return { healthy, text: `${[...lines, `${endpoint} check ${healthy ? 'passed' : 'failed'}`].join('\n')}\n` };
}

async function runCheck({ check }: HealthCheck, clock: Clock): Promise<string | undefined> {
  let cancel = () => {};
  const late = new Promise<string>((resolve) => {
    cancel = clock.after(checkTimeoutMs, () => resolve(`no answer within ${checkTimeoutMs / 1000} s`));
  });
  try {
    const problem = await Promise.race([check(), late]);
    // One line a check, whatever the sentence holds.
    return problem?.replaceAll(/\s+/g, ' ');
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : 'unknown error';
  } finally {
    cancel();
  }
}
