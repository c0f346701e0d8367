// Every manifest, read and checked as the daemon does it, against a store that is empty and forgotten afterwards.
import { systemClock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import { type Declaration, declarationOf } from '../../manifests/declaration.ts';
import { parseManifest } from '../../manifests/documents.ts';
import { lineOf } from '../../manifests/field-lines.ts';
import { ManifestError, type ManifestFailure, type Mistake, sentenceOf } from '../../manifests/manifest-error.ts';
import { listManifests, readManifest } from '../../manifests/manifest-files.ts';
import { refusalOf } from '../../manifests/refusals.ts';
import { Admission } from '../../resources/admission.ts';
import type { ObjectInput, StoredObject } from '../../resources/object.ts';
import type { Store } from '../../store/store.ts';
import { type Check, type Finding, ok, problem } from './finding.ts';

/** More than a person reads at once. */
const mostTold = 50;

export const checkManifests: Check = async ({ config }) => {
  const { manifests: directory } = config.aileron;
  if (directory === '') return [ok('No directory of manifests is configured')];
  const { objects, failures } = await examine(directory, config);
  const remedy = `Correct it in ${directory}; the others are not held up by it.`;
  const told = failures
    .slice(0, mostTold)
    .map((failure): Finding => problem(sentenceOf(failure).replace(/\.$/, ''), remedy));
  if (failures.length > mostTold)
    told.push(problem(`${failures.length - mostTold} more mistakes in manifests`, remedy));
  return told.length > 0 ? told : [ok(`${objects} objects are declared in ${directory}`)];
};

async function examine(directory: string, config: Config): Promise<{ objects: number; failures: ManifestFailure[] }> {
  const failures: ManifestFailure[] = [];
  const store = new ScratchStore();
  const admission = new Admission({ store: store.asStore(), nodeName: config.aileron.nodeName, clock: systemClock });
  const places = new Map<string, string>();
  let objects = 0;
  const names = await listManifests(directory).catch((error: unknown) => {
    failures.push({ file: directory, ...mistakeIn(error) });
    return { names: [] };
  });
  for (const file of names.names) {
    for (const found of await documentsIn(directory, file)) {
      if (!('kind' in found)) {
        failures.push({ file, ...found });
        continue;
      }
      const key = `${found.kind}/${found.name}`;
      const first = places.get(key);
      if (first) {
        failures.push({
          file,
          line: found.line,
          field: 'metadata.name',
          message: `${found.kind} "${found.name}" is declared in ${first} already`,
        });
        continue;
      }
      places.set(key, `${file}:${found.line}`);
      objects += 1;
      failures.push(...(await refusals(admission, file, found)));
    }
  }
  return { objects, failures };
}

async function documentsIn(directory: string, file: string): Promise<(Declaration | Mistake)[]> {
  try {
    const text = (await readManifest(directory, file))?.text ?? '';
    return parseManifest(text).flatMap((parsed): (Declaration | Mistake)[] => {
      if ('mistake' in parsed) return [parsed.mistake];
      try {
        const declaration = declarationOf(file, parsed.document);
        return 'object' in declaration ? [declaration] : []; // somebody else's API
      } catch (error) {
        return [mistakeIn(error)];
      }
    });
  } catch (error) {
    return [mistakeIn(error)];
  }
}

async function refusals(
  admission: Admission,
  file: string,
  { kind, object, lines, line }: Declaration,
): Promise<ManifestFailure[]> {
  const owner = { kind: 'Manifest', ref: file } as const;
  try {
    await admission.create(kind, object, {
      by: `manifest:${file}`,
      owner,
      dryRun: false,
      fieldValidation: 'Strict',
      warn() {},
    });
    return [];
  } catch (error) {
    return refusalOf(error).map((mistake) => ({
      file,
      line: mistake.field === undefined ? line : lineOf(lines, mistake.field),
      ...mistake,
    }));
  }
}

function mistakeIn(error: unknown): Mistake {
  if (error instanceof ManifestError) return error.mistake;
  throw error;
}

/** As much of a store as admission needs to see what was declared before. */
class ScratchStore {
  readonly #objects = new Map<string, StoredObject>();

  asStore(): Store {
    return this as unknown as Store;
  }

  async get(kind: string, name: string): Promise<StoredObject | undefined> {
    return this.#objects.get(`${kind}/${name}`);
  }

  async list(kind: string): Promise<{ items: StoredObject[]; resourceVersion: string }> {
    return { items: [...this.#objects.values()].filter((object) => object.kind === kind), resourceVersion: '1' };
  }

  async create(object: ObjectInput): Promise<StoredObject> {
    const made = { uid: object.metadata.name, resourceVersion: '1', generation: 1, creationTimestamp: '' };
    const stored: StoredObject = { ...object, metadata: { ...object.metadata, ...made } };
    this.#objects.set(`${object.kind}/${object.metadata.name}`, stored);
    return stored;
  }
}
