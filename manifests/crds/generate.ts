// Writes the files of this folder from the table of kinds. Run with the Node of bin/node, after each change of a schema.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crdFiles } from '../../src/resources/crd-files.ts';

for (const { name, text } of crdFiles()) writeFileSync(join(import.meta.dirname, name), text);
