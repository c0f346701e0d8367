import assert from 'node:assert/strict';
import test from 'node:test';
import { type CrashInput, type CrashVerdict, judgeCrash } from '../../../controllers/server/crash.ts';

const rules = { enabled: true, detectCleanExitAsCrash: true, timeout: 60 };
const base: CrashInput = {
  exitCode: 3,
  oomKilled: false,
  restartPolicy: undefined,
  rules,
  earlierCrashes: 0,
  sinceLastCrash: undefined,
  uptime: 30,
};
const crashed = (code: number, oom = false) => [
  '---------- Detected server process in a crashed state! ----------',
  `Exit code: ${code}`,
  `Out of memory: ${oom}`,
];

const cases: [name: string, input: Partial<CrashInput>, expected: Partial<CrashVerdict>][] = [
  ['restarts at once after a first crash', {}, { crashed: true, lines: crashed(3), restartAfterMs: 0, handled: true }],
  [
    'counts a clean exit as a crash by default',
    { exitCode: 0 },
    { crashed: true, lines: crashed(0), restartAfterMs: 0 },
  ],
  [
    'stays silent on a clean exit when told to',
    { exitCode: 0, rules: { ...rules, detectCleanExitAsCrash: false } },
    { crashed: false, lines: [], restartAfterMs: undefined },
  ],
  [
    'takes out-of-memory for a crash whatever the code',
    { exitCode: 0, oomKilled: true, rules: { ...rules, detectCleanExitAsCrash: false } },
    { crashed: true, lines: crashed(0, true), restartAfterMs: 0 },
  ],
  [
    'gives up on a second crash within the window and does not renew its clock',
    { sinceLastCrash: 59 },
    {
      crashed: true,
      lines: [...crashed(3), 'Aborting automatic restart, last crash occurred less than 60 seconds ago.'],
      restartAfterMs: undefined,
      handled: false,
    },
  ],
  ['restarts again after the window', { sinceLastCrash: 60 }, { restartAfterMs: 0, handled: true }],
  ['always restarts with a window of 0', { sinceLastCrash: 1, rules: { ...rules, timeout: 0 } }, { restartAfterMs: 0 }],
  [
    'says that detection is off',
    { rules: { ...rules, enabled: false } },
    {
      lines: ['Aborting automatic restart, crash detection is disabled for this instance.'],
      restartAfterMs: undefined,
    },
  ],
  ['policy Never leaves it', { restartPolicy: 'Never' }, { crashed: true, restartAfterMs: undefined }],
  [
    'policy OnFailure leaves a clean exit',
    { restartPolicy: 'OnFailure', exitCode: 0 },
    { crashed: false, lines: [], restartAfterMs: undefined },
  ],
  ['policy OnFailure restarts a failure after 10 s', { restartPolicy: 'OnFailure' }, { restartAfterMs: 10_000 }],
  [
    'policy Always restarts a clean exit',
    { restartPolicy: 'Always', exitCode: 0 },
    { crashed: false, restartAfterMs: 10_000 },
  ],
  ['the back-off doubles', { restartPolicy: 'Always', earlierCrashes: 3 }, { restartAfterMs: 80_000 }],
  ['the back-off ends at 5 min', { restartPolicy: 'Always', earlierCrashes: 40 }, { restartAfterMs: 300_000 }],
  [
    'a long uptime starts the back-off anew',
    { restartPolicy: 'Always', earlierCrashes: 40, uptime: 600 },
    { restartAfterMs: 10_000 },
  ],
];

for (const [name, input, expected] of cases) {
  test(`crash rules: ${name}`, () => {
    const verdict = judgeCrash({ ...base, ...input });
    const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, verdict[key as keyof CrashVerdict]]));
    assert.deepEqual(seen, expected);
  });
}
