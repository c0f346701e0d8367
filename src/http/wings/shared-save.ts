// A file that is written whole: those who ask while one writing is under way share the next, which has what all of them
// changed. So however many ask at one time, two writings serve them.

/** Each call resolves when what was so at that moment is on disk, or rejects with what `write` says. */
export function sharedSave(write: () => Promise<void>): () => Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  return () => {
    // The failure of one writing was told to those who asked for it.
    waiting ??= writing
      .catch(() => undefined)
      .then(() => {
        waiting = undefined;
        writing = write();
        return writing;
      });
    return waiting;
  };
}
