// Where the checkout and its parts are, whatever the working directory is.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Everything that a run leaves behind: configuration, state, logs. Deleting it starts anew. */
export const stateDirectory = join(checkout, '.aileron');
