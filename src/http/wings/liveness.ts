// Whether the other side of a socket is still there: it must answer pings, and finish a message that it began.
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../clock/clock.ts';

const pingEveryMs = 30_000;
/** Two in a row: nothing was heard for a minute. */
const mostUnanswered = 2;
/** From the first byte of a message to its last. */
const messageWithinMs = 10_000;

export interface LivenessOptions {
  socket: WebSocket;
  connection: Duplex;
  clock: Clock;
  onSilent: () => void;
  onUnfinished: () => void;
}

/** The answer ends the watch. */
export function watchLiveness(options: LivenessOptions): () => void {
  const stopPings = keepPinging(options);
  const stopReading = watchMessages(options);
  return () => {
    stopPings();
    stopReading();
  };
}

function keepPinging({ socket, clock, onSilent }: LivenessOptions): () => void {
  let unanswered = 0;
  socket.on('pong', () => {
    unanswered = 0;
  });
  let cancel = () => {};
  const schedule = () => {
    cancel = clock.after(pingEveryMs, () => {
      if (unanswered >= mostUnanswered) {
        onSilent();
        return;
      }
      unanswered += 1;
      socket.ping();
      schedule();
    });
  };
  schedule();
  return () => cancel();
}

/** Bytes that complete nothing belong to a message that has begun. */
function watchMessages({ socket, connection, clock, onUnfinished }: LivenessOptions): () => void {
  let completed = false;
  let cancel: (() => void) | undefined;
  const complete = () => {
    completed = true;
  };
  socket.on('message', () => {
    completed = true;
    cancel?.();
    cancel = undefined;
  });
  socket.on('ping', complete);
  socket.on('pong', complete);
  // The library has read the bytes before this is called: it listens first.
  const onData = () => {
    if (!completed) cancel ??= clock.after(messageWithinMs, onUnfinished);
    completed = false;
  };
  connection.on('data', onData);
  return () => {
    cancel?.();
    connection.off('data', onData);
  };
}
