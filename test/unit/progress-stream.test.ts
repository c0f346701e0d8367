// The judge of recorded progress: it passes what the contract allows and names the rule that anything else breaks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backupUuid } from '../support/operation-messages.ts';
import {
  checkProgressStream,
  checkWithoutBackupRead,
  type RecordedFrame,
  type StreamExpectation,
} from '../support/progress-stream.ts';

type Type = 'create' | 'restore';
type Step = [at: number, phase: string, percentage: number, written: number, total: number];

const exact = { earlyMs: 0, lateMs: 0, acceptedAt: 0 };

function status(at: number, type?: Type, backupId: string | null = backupUuid): RecordedFrame {
  const state = type === undefined ? 'running' : type === 'create' ? 'backup' : 'restore';
  const operation = type === undefined ? null : { type, backup_id: backupId, phase: 'archive' };
  return {
    ...{ at, event: 'server_status' },
    args: [state, JSON.stringify({ state, process_state: 'running', operation })],
  };
}

function progress(type: Type, [at, phase, percentage, bytes_written, bytes_total]: Step): RecordedFrame[] {
  const args = [JSON.stringify({ backup_id: backupUuid, type, percentage, bytes_written, bytes_total, phase })];
  return [
    { at, event: type === 'create' ? 'backup_progress' : 'restore_progress', args },
    { at, event: 'backup progress', args },
  ];
}

function tail(type: Type, at: number, successful: boolean, adapter = 'local'): RecordedFrame[] {
  const sum = successful ? 'da39a3ee5e6b4b0d3255bfef95601890afd80709' : '';
  const completed = `{"uuid":"${backupUuid}","is_successful":${successful},"checksum":"${sum}","checksum_type":"sha1","file_size":${successful ? 9 : 0}}`;
  const text = successful
    ? `Completed server restoration from ${adapter} backup.`
    : `Failed to restore the server from ${adapter} backup.`;
  const standard: [string, string][] =
    type === 'create'
      ? [
          [`backup completed:${backupUuid}`, completed],
          ['backup completed', completed],
        ]
      : [
          ['daemon message', text],
          ['backup restore completed', ''],
        ];
  const either = JSON.stringify({ backup_id: backupUuid, type, successful, error: null });
  return [
    ...[...standard, ['backup_restore_completed', either] as const].map(([event, arg]) => ({ at, event, args: [arg] })),
    status(at),
  ];
}

/** The first step that is not in the queue begins it. */
function stream(type: Type, steps: Step[], { adapter = 'local' } = {}): RecordedFrame[] {
  const begin = steps.findIndex(([, phase], index) => phase !== 'queued' && index < steps.length - 1);
  const [at = 0, , percentage] = steps.at(-1) ?? [];
  return [
    status(0),
    ...steps.flatMap((step, index) => [...(index === begin ? [status(step[0], type)] : []), ...progress(type, step)]),
    ...tail(type, at, percentage === 100, adapter),
  ].filter((frame, index, all) => begin >= 0 || frame.event !== 'server_status' || index < all.length - 1);
}

const createSteps: Step[] = [
  [100, 'queued', 0, 0, 0],
  [5_100, 'queued', 0, 0, 0],
  [5_200, 'archive', 0, 0, 0],
  [5_450, 'archive', 0, 70, 0],
  [5_700, 'archive', 25, 250, 1_000],
  [5_950, 'archive', 99, 1_000, 1_000],
  [6_000, 'finalize', 99, 1_010, 1_010],
  [6_010, 'finalize', 100, 1_010, 1_010],
];
const restoreSteps: Step[] = [
  [0, 'extract', 0, 0, 1_000],
  [250, 'extract', 50, 500, 1_000],
  [300, 'stopping', 99, 1_000, 1_000],
  [5_300, 'stopping', 99, 1_000, 1_000],
  [5_400, 'finalize', 99, 1_000, 1_000],
  [5_401, 'finalize', 100, 1_000, 1_000],
];
const created: StreamExpectation = { type: 'create', backupId: backupUuid, outcome: 'success', ...exact };
const restored: StreamExpectation = { type: 'restore', backupId: backupUuid, outcome: 'success', ...exact };

/** One step in the place of another, or between two. */
function instead(steps: Step[], index: number, changes: Partial<Record<0 | 1 | 2 | 3 | 4, number | string>>): Step[] {
  return steps.map((step, at) => (at === index ? (Object.assign([...step], changes) as Step) : step));
}

const passing: [name: string, frames: RecordedFrame[], expected: StreamExpectation][] = [
  ['a create', stream('create', createSteps), created],
  ['a restore', stream('restore', restoreSteps), restored],
  ['a restore from S3', stream('restore', restoreSteps, { adapter: 'S3' }), { ...restored, adapter: 's3' }],
  [
    'a failure',
    stream('create', createSteps.slice(0, 6).concat([[5_960, 'finalize', -1, 1_000, 1_000]])),
    { ...created, outcome: 'failure' },
  ],
  [
    'a cancel in the queue',
    stream('create', [
      [10, 'queued', 0, 0, 0],
      [20, 'queued', -1, 0, 0],
    ]),
    { ...created, outcome: 'failure' },
  ],
  ['without a total', stream('create', bytesOnlySteps(0)), { ...created, bytesOnly: true }],
  [
    'to S3',
    stream('create', [
      [0, 'archive', 0, 0, 0],
      [250, 'archive', 79, 990, 1_000],
      [260, 'upload', 80, 1_000, 1_500],
      [510, 'upload', 90, 1_250, 1_500],
      [600, 'finalize', 99, 1_500, 1_500],
      [601, 'finalize', 100, 1_500, 1_500],
    ]),
    { ...created, adapter: 's3' },
  ],
  ['who came late', stream('create', createSteps.slice(4)), { ...created, joinedLate: true }],
  [
    'who came just before the next one',
    stream('create', [[5_699, 'archive', 10, 100, 1_000], ...createSteps.slice(4)]),
    { ...created, joinedLate: true },
  ],
  [
    'accepted after all',
    [
      ...stream('create', createSteps.slice(0, 6).concat([[5_960, 'finalize', -1, 1_000, 1_000]])),
      ...tail('create', 9_000, true).slice(0, 2),
    ],
    { ...created, outcome: 'failure', acceptedLater: true },
  ],
  [
    'another operation beside it',
    [...stream('create', createSteps), ...stream('restore', restoreSteps).slice(1)],
    created,
  ],
];

test('streams as the contract wants them pass', () => {
  for (const [name, frames, expected] of passing) {
    assert.doesNotThrow(() => checkProgressStream(frames, expected), name);
  }
});

const failing: [rule: RegExp, frames: RecordedFrame[], expected?: StreamExpectation][] = [
  [/^1: there is no progress/, tail('create', 0, true)],
  [/^1: the first is 0/, stream('create', createSteps.slice(4))],
  [/^1: the first came after 251 ms/, stream('create', instead(createSteps, 0, { 0: 251 }))],
  [/^2: the last is 100 or -1/, stream('create', createSteps.slice(0, -1))],
  [/^2: the last is 100 or -1/, stream('create', createSteps), { ...created, outcome: 'failure' }],
  [/^2: 100 before the end/, stream('create', instead(createSteps, 6, { 2: 100 }))],
  [/^2: -1 before the end/, stream('create', instead(createSteps, 3, { 2: -1 }))],
  [/^2: 24.5 is no integer/, stream('create', instead(createSteps, 4, { 2: 24.5 }))],
  [/^2: the percentage fell/, stream('create', instead(createSteps, 6, { 2: 98 }))],
  [/^3: 70 of 60 bytes/, stream('create', instead(createSteps, 3, { 4: 60 }))],
  [/^3: the bytes fell/, stream('create', instead(createSteps, 4, { 3: 69 }))],
  [/^3: a total that was known/, stream('create', instead(createSteps, 6, { 4: 0 }))],
  [/^4: 250 of 1000 bytes/, stream('create', instead(createSteps, 4, { 2: 26 }))],
  [
    /^4: 81 while the archive is open/,
    stream('create', instead(createSteps, 4, { 2: 81 })),
    { ...created, adapter: 's3' },
  ],
  [
    /^4: 25 while the archive is uploaded/,
    stream('create', instead(createSteps, 4, { 1: 'upload' })),
    { ...created, adapter: 's3' },
  ],
  [/^5: without a total nothing moves/, stream('create', instead(createSteps, 3, { 2: 7 }))],
  [/^5: the total stays unknown/, stream('create', createSteps), { ...created, bytesOnly: true }],
  [/^6: 500 of 1000 bytes/, stream('restore', instead(restoreSteps, 1, { 2: 75 })), restored],
  [/^6: stopping does not move/, stream('restore', instead(restoreSteps, 2, { 2: 60 })), restored],
  [/^7: only 249 ms between two/, stream('create', instead(createSteps, 3, { 0: 5_449 }))],
  [/^7: silent for 5001 ms/, stream('create', instead(createSteps, 1, { 0: 5_101 }))],
  [/^7: the same again after 4900 ms/, stream('create', instead(createSteps, 1, { 0: 5_000 }))],
  [/^9: the end is told once/, [...stream('create', createSteps), ...tail('create', 7_000, true)]],
  [/^9: the end is told once/, stream('create', createSteps).filter(({ event }) => event !== 'backup completed')],
  [/^9: the end is told once/, moved(stream('create', createSteps), 'backup_restore_completed', -3)],
  [/^9: how it ended/, replaced(stream('create', createSteps), 'backup_restore_completed', 'true', 'false')],
  [/^9: whether it is successful/, replaced(stream('create', createSteps), 'backup completed', 'true', 'false')],
  [/^12\.2: the checksum/, replaced(stream('create', createSteps), 'backup completed', 'da39a', '')],
  [/^12\.3: the final word/, replaced(stream('restore', restoreSteps), 'daemon message', 'local', 'S3'), restored],
  [/^SEC-48: the reason/, replaced(stream('create', createSteps), 'backup_restore_completed', 'null', '"x"')],
  [/^11: the end is told once/, stream('create', createSteps), { ...created, acceptedLater: true }],
  [/^10: work is seen after the end/, moved(stream('create', createSteps), 'backup progress', 99)],
  [/^10: the state does not return/, stream('create', createSteps).slice(0, -1)],
  [
    /^12: work is seen before the state/,
    stream('create', createSteps).filter(({ at, event }) => at < 5_200 || event !== 'server_status'),
  ],
  [/^12: shown after its end/, [...stream('create', createSteps), status(7_000, 'create')]],
  [/^12: the state returned before the end/, stream('create', createSteps).toSpliced(-3, 0, status(6_010))],
  [/^13: shown while it waits/, [status(0, 'create'), ...stream('create', createSteps)]],
  [/^13: nothing moves in the queue/, stream('create', instead(createSteps, 1, { 3: 1 }))],
  [
    /^13: what never left the queue/,
    [
      ...progress('create', [0, 'queued', 0, 0, 0]),
      status(5, 'create'),
      ...progress('create', [10, 'queued', -1, 0, 0]),
      ...tail('create', 10, false),
    ],
    { ...created, outcome: 'failure' },
  ],
  [/^3: bytes are not negative/, stream('create', instead(createSteps, 4, { 2: 0, 3: -1 }))],
  [/^5: without a total it stays 0/, stream('create', bytesOnlySteps(1)), { ...created, bytesOnly: true }],
  [/^12: queued after archive/, stream('create', instead(createSteps, 3, { 1: 'queued', 3: 0 }))],
  [
    /^12: both arguments/,
    replaced(stream('create', createSteps), 'server_status', '"state":"running"', '"state":"offline"'),
  ],
  [
    /^12: the state of the operation/,
    stream('create', createSteps).map((frame) =>
      frame.event === 'server_status'
        ? {
            ...frame,
            args: frame.args.map((arg) => arg.replaceAll('"state":"backup"', '"state":"x"').replace(/^backup$/, 'x')),
          }
        : frame,
    ),
  ],
  [/^12\.2: the payload of Wings/, replaced(stream('create', createSteps), 'backup completed', 'file_size', 'size')],
  [/^12\.2: the kind of checksum/, replaced(stream('create', createSteps), 'backup completed', '"sha1"', '"sha256"')],
  [/^12\.2: the size/, replaced(stream('create', createSteps), 'backup completed', ':9}', ':0}')],
  [
    /^12\.3: one empty argument/,
    replaced(stream('restore', restoreSteps), 'backup restore completed', '', '{}'),
    restored,
  ],
  [
    /^16\.3: a failure has a reason/,
    stream('create', instead(createSteps, 7, { 2: -1 })),
    { ...created, outcome: 'failure', seesErrors: true },
  ],
  [/^16\.3: one argument/, stream('create', createSteps).map((frame) => ({ ...frame, args: [...frame.args, ''] }))],
  [/^16\.3: the phase extract/, stream('create', instead(createSteps, 3, { 1: 'extract' }))],
  [
    /^16\.3: all fields/,
    replaced(stream('create', createSteps), 'backup_progress', '"phase":"queued"', '"phase_":1', true),
  ],
  [
    /^16\.2: the same JSON/,
    stream('create', createSteps).filter(({ at, event }) => at !== 5_700 || event !== 'backup progress'),
  ],
];

test('whatever breaks a rule is called by it', () => {
  for (const [rule, frames, expected = created] of failing) {
    assert.throws(
      () => checkProgressStream(frames, expected),
      (error: Error) => {
        assert.match(error.message, rule);
        return true;
      },
      String(rule),
    );
  }
});

test('who may not read backups sees that something runs and how a restore ends', () => {
  const seen = (frames: RecordedFrame[]) =>
    frames.filter(({ event }) => ['daemon message', 'backup restore completed'].includes(event));
  const restore = seen(stream('restore', restoreSteps));
  checkWithoutBackupRead([status(0, 'restore', null), ...restore, status(9)], restored);
  checkWithoutBackupRead([status(0, 'create', null), status(9)], created);
  const wrong: [RegExp, RecordedFrame[]][] = [
    [/^SEC-48/, stream('restore', restoreSteps)],
    [/^SEC-48/, [status(0, 'restore'), ...restore]],
    [/^9: the final word/, [{ at: 0, event: 'daemon message', args: ['(restoring): a'] }, ...restore]],
    [/^9: the final word/, []],
    [/^9: the end of a restore/, restore.slice(0, 1)],
    [/^9: the end of a restore/, [...restore, ...restore.slice(1)]],
  ];
  for (const [rule, frames] of wrong) {
    assert.throws(() => checkWithoutBackupRead(frames, restored), { message: rule });
  }
});

function bytesOnlySteps(percentage: number): Step[] {
  return [
    [0, 'archive', 0, 0, 0],
    [250, 'archive', percentage, 500, 0],
    [260, 'finalize', percentage, 600, 0],
    [270, 'finalize', 100, 600, 0],
  ];
}

/** The last frame of this name, some places later or earlier. */
function moved(frames: RecordedFrame[], name: string, by: number): RecordedFrame[] {
  const from = frames.findLastIndex(({ event }) => event === name);
  const rest = frames.filter((_, index) => index !== from);
  return [...rest.slice(0, from + by), ...frames.slice(from, from + 1), ...rest.slice(from + by)];
}

/** The last frame of this name, or the first, with other text in it. */
function replaced(frames: RecordedFrame[], name: string, text: string, other: string, first = false): RecordedFrame[] {
  const named = ({ event }: RecordedFrame) => event === name;
  const at = first ? frames.findIndex(named) : frames.findLastIndex(named);
  return frames.map((frame, index) =>
    index === at ? { ...frame, args: frame.args.map((arg) => arg.replace(text, other)) } : frame,
  );
}
