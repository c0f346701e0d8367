// How set-up speaks: one line a step, "what → outcome (time)", and one sentence when something is missing.

/** Something the person at the terminal can put right; the message is one sentence that names the thing and the remedy. */
export class SetupError extends Error {}

/**
 * Runs one step and prints its line. `work` returns the outcome, such as "already there" or "installed".
 * @template T
 * @param {string} title
 * @param {() => Promise<string> | string} work
 */
export async function step(title, work) {
  const startedAt = performance.now();
  process.stdout.write(`${title} → `);
  try {
    const outcome = await work();
    process.stdout.write(`${outcome} (${seconds(startedAt)})\n`);
  } catch (error) {
    process.stdout.write(`failed (${seconds(startedAt)})\n`);
    throw error;
  }
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** Ends the process as a person expects: a SetupError is its sentence, anything else is a defect with its stack. */
export function failWith(error) {
  process.stderr.write(`${error instanceof SetupError ? error.message : (error?.stack ?? error)}\n`);
  process.exitCode = 1;
}
