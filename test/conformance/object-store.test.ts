// Every object store of this repository against the suite that defines the interface.
import { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { objectStoreConformance } from './object-store.ts';

objectStoreConformance('LocalObjectStore, a directory a server', async (t) => {
  const directory = temporaryDirectory(t);
  return { store: new LocalObjectStore({ directory, layout: 'per_server' }), secret: directory };
});
