// One thread on which the expressions of all starting servers are tested, so that no egg can hold up the daemon: the
// engine is linear, but a line times an expression can still be seconds. Servers take turns, one batch each. A turn that
// takes too long costs its server the batch and a pause, and the others one turn. The thread lives while it is needed.
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../../src/clock/clock.ts';
import type { DoneReply, DoneRequest } from './done-worker.ts';
import { LineQueue } from './line-queue.ts';

/** Some ten times what a batch takes with an expression at the slow end of the ordinary. */
const turnLimitMs = 2_000;

/** How long a server sits out after 1, 2, … turns too long in a row. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

/** The automata of all servers; a single expression of the largest size takes some 150 MB while it is compiled. */
const maxHeapMb = 512;

export interface DoneListener {
  onMatch(): void;
  onInvalid(rules: string[]): void;
  /** These many lines were not tested: there was no room, or their turn took too long. */
  onLost(lines: number): void;
}

interface Tester {
  id: number;
  rules: { expressions: readonly string[]; stripAnsi: boolean };
  listener: DoneListener;
  queue: LineQueue;
  /** The worker that has the rules already. */
  knownTo: Worker | undefined;
  overruns: number;
  paused: boolean;
  closed: boolean;
}

interface Turn {
  tester: Tester;
  lines: number;
  cancelLimit: () => void;
}

export class DoneThread {
  readonly #clock: Clock;
  readonly #testers = new Set<Tester>();
  /** Whose turn is next, in order. */
  readonly #ready = new Set<Tester>();
  #worker: Worker | undefined;
  #turn: Turn | undefined;
  #lastId = 0;

  constructor({ clock = systemClock }: { clock?: Clock } = {}) {
    this.#clock = clock;
  }

  /** Lines are tested in order, each once, until one matches. */
  open(rules: Tester['rules'], listener: DoneListener): { push(line: Buffer): void; close(): void } {
    this.#lastId += 1;
    const tester: Tester = {
      id: this.#lastId,
      rules,
      listener,
      queue: new LineQueue(),
      knownTo: undefined,
      overruns: 0,
      paused: false,
      closed: false,
    };
    this.#testers.add(tester);
    return { push: (line) => this.#push(tester, line), close: () => this.#close(tester) };
  }

  /** Whether the thread runs, for tests and diagnosis. */
  get running(): boolean {
    return this.#worker !== undefined;
  }

  #push(tester: Tester, line: Buffer): void {
    if (tester.closed) return;
    if (!tester.queue.push(line)) tester.listener.onLost(1);
    if (!tester.paused && this.#turn?.tester !== tester) this.#ready.add(tester);
    this.#takeTurn();
  }

  #close(tester: Tester): void {
    tester.closed = true;
    tester.queue.clear();
    this.#ready.delete(tester);
    this.#testers.delete(tester);
    if (this.#testers.size === 0) this.#endWorker();
    else if (this.#worker && tester.knownTo === this.#worker) {
      this.#worker.postMessage({ kind: 'forget', id: tester.id } satisfies DoneRequest);
    }
  }

  #takeTurn(): void {
    if (this.#turn) return;
    for (const tester of this.#ready) {
      this.#ready.delete(tester);
      const batch = tester.queue.takeBatch();
      if (!batch) continue;
      this.#worker ??= this.#startWorker();
      const worker = this.#worker;
      const request: DoneRequest = { kind: 'test', id: tester.id, batch };
      if (tester.knownTo !== worker) request.rules = tester.rules;
      tester.knownTo = worker;
      const cancelLimit = this.#clock.after(turnLimitMs, () => this.#overrun());
      this.#turn = { tester, lines: batch.ends.length, cancelLimit };
      worker.ref();
      worker.postMessage(request, [batch.bytes.buffer, batch.ends.buffer]);
      return;
    }
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./done-worker.ts', import.meta.url), {
      name: 'done-lines',
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    worker.unref();
    worker.on('message', (reply: DoneReply) => {
      if (worker === this.#worker) this.#answered(reply);
    });
    // Out of memory, say: the same as a turn without end.
    const ended = () => {
      if (worker === this.#worker) this.#overrun();
    };
    worker.on('error', ended);
    worker.on('exit', ended);
    return worker;
  }

  #answered({ matched, invalid }: DoneReply): void {
    const turn = this.#endTurn();
    if (!turn) return;
    const { tester } = turn;
    tester.overruns = 0;
    this.#worker?.unref();
    if (tester.queue.length > 0) this.#ready.add(tester);
    if (!tester.closed && invalid && invalid.length > 0) tester.listener.onInvalid(invalid);
    if (!tester.closed && matched) tester.listener.onMatch();
    this.#takeTurn();
  }

  #overrun(): void {
    const turn = this.#endTurn();
    this.#endWorker();
    if (turn && !turn.tester.closed) this.#pause(turn);
    this.#takeTurn();
  }

  #pause({ tester, lines }: Turn): void {
    const pauseMs = pausesMs[Math.min(tester.overruns, pausesMs.length - 1)] ?? 0;
    tester.overruns += 1;
    tester.paused = true;
    this.#clock.after(pauseMs, () => {
      tester.paused = false;
      if (tester.closed) return;
      this.#ready.add(tester);
      this.#takeTurn();
    });
    tester.listener.onLost(lines);
  }

  #endTurn(): Turn | undefined {
    const turn = this.#turn;
    this.#turn = undefined;
    turn?.cancelLimit();
    return turn;
  }

  #endWorker(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#endTurn();
    void worker?.terminate();
  }
}

/** Shared by all servers of the process; costs nothing until one with expressions starts. */
export const processDoneThread: DoneThread = new DoneThread();
