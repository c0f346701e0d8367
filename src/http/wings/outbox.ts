// What waits to be sent on one socket, in order and bounded. The connection is given a little at a time, so that what
// waits here can still be thinned out: above 1 MiB the newest of what replaces itself counts and the oldest console lines
// go, with one word about it; above 8 MiB, or when nothing moves for 30 s, the client is too slow to be served.
import type { Writable } from 'node:stream';
import type { Clock } from '../../clock/clock.ts';
import type { Frame } from '../../console/frame.ts';

/** The part of a stream that is used. */
type Connection = Pick<Writable, 'write' | 'cork' | 'uncork' | 'writableLength' | 'writableHighWaterMark'> & {
  on(event: 'drain', listener: () => void): unknown;
};

export interface OutboxOptions {
  connection: Connection;
  clock: Clock;
  /** Stands where lines were left out. */
  gap: () => Buffer;
  /** Called once; nothing is sent after that. */
  onTooSlow: () => void;
  onDropped?: (frames: number) => void;
}

/** Bytes, those that the connection holds included. */
const pressureBytes = 1024 * 1024;
const relaxedBytes = pressureBytes / 2;
const mostBytes = 8 * 1024 * 1024;
const stuckMs = 30_000;

export class Outbox {
  readonly #options: OutboxOptions;
  #queue: Frame[] = [];
  #queuedBytes = 0;
  #queuedLines = 0;
  /** Lines were left out since the queue was last empty. */
  #thinned = false;
  #stopWatch: (() => void) | undefined;
  #closed = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    options.connection.on('drain', () => this.#moved());
  }

  /** Bytes that are not with the system yet. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#options.connection.writableLength;
  }

  push(frame: Frame): void {
    if (this.#closed || this.#onEmpty) return;
    if (frame.delivery === 'latest' && this.waitingBytes > pressureBytes) this.#replaceOlder(frame);
    this.#queue.push(frame);
    this.#queuedBytes += frame.bytes.length;
    if (frame.delivery === 'lines') this.#queuedLines += 1;
    this.#send();
    if (this.#queuedLines > 0 && this.waitingBytes > pressureBytes) this.#thinOut();
    if (this.waitingBytes > mostBytes) this.#giveUp();
  }

  /** Leaves out all that waits. */
  clear(): void {
    this.#drop(() => true);
  }

  /** Takes nothing more; `then` is called when all that waits is with the connection. */
  finish(then: () => void): void {
    if (this.#closed) return;
    this.#onEmpty = then;
    this.#send();
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#queuedLines = 0;
    this.#stopWatch?.();
  }

  /** What fits into the connection goes at once, many frames in one write. It says `drain` when it is empty again. */
  #send(): void {
    const { connection, clock } = this.#options;
    const isFull = () => connection.writableLength >= connection.writableHighWaterMark;
    while (this.#queue.length > 0 && !isFull()) {
      let sent = 0;
      connection.cork();
      for (const { bytes, delivery } of this.#queue) {
        if (isFull()) break;
        connection.write(bytes);
        this.#queuedBytes -= bytes.length;
        if (delivery === 'lines') this.#queuedLines -= 1;
        sent += 1;
      }
      this.#queue.splice(0, sent);
      connection.uncork();
    }
    if (isFull()) this.#stopWatch ??= clock.after(stuckMs, () => this.#giveUp());
    if (this.#queue.length > 0) return;
    this.#thinned = false;
    const then = this.#onEmpty;
    if (then) this.close();
    then?.();
  }

  #moved(): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    if (!this.#closed) this.#send();
  }

  /** Goes down to half, so that it is not begun again with the next line. */
  #thinOut(): void {
    let surplus = this.waitingBytes - relaxedBytes;
    const kept: Frame[] = [];
    let dropped = 0;
    for (const frame of this.#queue) {
      if (frame.delivery !== 'lines' || surplus <= 0) {
        kept.push(frame);
        continue;
      }
      if (!this.#thinned) {
        this.#thinned = true;
        kept.push({ bytes: this.#options.gap(), delivery: 'keep', name: 'gap' });
      }
      surplus -= frame.bytes.length;
      dropped += 1;
    }
    if (dropped > 0) this.#replace(kept, dropped);
  }

  #replaceOlder(newest: Frame): void {
    this.#drop(
      ({ delivery, name, series = name }) => delivery === 'latest' && series === (newest.series ?? newest.name),
    );
  }

  #drop(unwanted: (frame: Frame) => boolean): void {
    const kept = this.#queue.filter((frame) => !unwanted(frame));
    if (kept.length < this.#queue.length) this.#replace(kept, this.#queue.length - kept.length);
  }

  #replace(kept: Frame[], dropped: number): void {
    this.#queue = kept;
    this.#queuedBytes = kept.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#queuedLines = kept.filter(({ delivery }) => delivery === 'lines').length;
    this.#options.onDropped?.(dropped);
  }

  #giveUp(): void {
    if (this.#closed) return;
    this.close();
    this.#options.onTooSlow();
  }
}
