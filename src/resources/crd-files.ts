// What the files of manifests/crds have to say. Pure; the script there writes it, and a test compares.
import { stringify } from 'yaml';
import { crdOf } from './crd.ts';
import { kindDefinitions } from './kinds.ts';

const heading = '# Made by manifests/crds/generate.ts; not to be edited.\n';

/** File name and content for each kind that has a group of its own. */
export function crdFiles(): { name: string; text: string }[] {
  return kindDefinitions
    .filter(({ group }) => group !== '')
    .map((definition) => ({
      name: `${definition.plural}.${definition.group}.yaml`,
      text: heading + stringify(crdOf(definition), { aliasDuplicateObjects: false, lineWidth: 120 }),
    }));
}
