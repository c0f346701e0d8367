// The process behind parse-process.ts: one text after another, until its parent lets go.
import { parseManifest } from './documents.ts';

process.on('message', (text: string) => process.send?.(parseManifest(text)));
