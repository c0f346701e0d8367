// There is one way to the files of a server: src/volumes. Whoever else calls the file system by path does so with paths of
// the operator, and says here which. What a server's process can change is never part of such a path.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceFiles } from '../support/source-files.ts';

const product = sourceFiles('src', 'controllers');

/** By the start of a file's path: what its paths lead to. Close to servers' files each file has a line of its own. */
const whosePaths: Record<string, string> = {
  'src/activity/journal-database.ts': 'a file in the state directory',
  'src/activity/wings-rows.ts': 'the database of Wings in the root directory',
  'src/cli/': 'what the person at the terminal names, and facts of the machine',
  'src/config/': 'configuration, own directories, facts of the machine',
  'src/diagnostics/collect.ts': 'the log of the daemon',
  'src/docker/endpoint.ts': 'the certificates of the Docker Engine',
  'src/handover/states-file.ts': 'states.json in the root directory',
  'src/http/kube/pki/': 'keys and certificates in the state directory',
  'src/http/wings/certificate-files.ts': 'certificate and key that the configuration names',
  'src/http/wings/routes/logs.ts': 'a log of an installation in the log directory',
  'src/http/wings/used-tokens.ts': 'a file in the state directory',
  'src/http/wings/revocations.ts': 'a file in the state directory',
  'src/machine/machine.ts': 'facts of the machine in /proc, and its file systems',
  'src/manifests/': 'the manifest directory',
  'src/store/sqlite/': 'the database in the state directory',
  'src/telemetry/descriptor-limit.ts': '/proc',
  'src/telemetry/log-file.ts': 'a file in the log directory',
  'src/telemetry/version.ts': 'package.json',
  'controllers/installation/install-log.ts': 'files in the log directory',
  'controllers/installation/script-directory.ts': 'the directory for temporary files, where no container writes',
  'controllers/node/machine.ts': 'the file systems of the machine',
  'controllers/server/identity.ts': 'the data directory itself',
  'controllers/server/removal.ts': 'the log and the script of its installer',
  'controllers/server/mounts.ts': 'mounts that the operator allows',
  'src/objectstore/': 'the backup directory, where no container writes',
  'src/archive/job-child.ts': 'its own process in /proc',
  'src/archive/read/archive-file.ts': 'an archive in the backup directory',
  'src/archive/create/create.ts': 'the archive in the backup directory',
  'src/archive/create/manifest-writer.ts': 'a file beside the archive',
  'src/archive/create/partial-file.ts': 'a file beside the archive',
  'src/archive/restore/budget.ts': 'an open directory, for what its file system has left',
  'src/archive/restore/deferred.ts': 'a file in the staging directory, which is in no container',
  'src/archive/restore/made-directories.ts': 'a file in the staging directory, which is in no container',
  'src/archive/restore/move-list.ts': 'a file in the staging directory, which is in no container',
  'src/volumes/open-directory.ts': 'one name in an open directory: the way to the files of a server',
  'src/volumes/pinned-entry.ts': 'an inode that is held',
  'src/volumes/free-space.ts': 'the data directory itself',
  'src/volumes/volumes.ts': 'the data directory and the machine ids beside it',
  'src/volumes/write-durable.ts': 'files in directories of the daemon',
};

/** They take a descriptor, or are no calls at all. */
const pathless =
  /^(?:type\s.*|constants|(?:close|fstat|read|readv|write|writev|fsync|fdatasync|ftruncate|futimes|fchmod|fchown)(?:Sync)?)$/;

test('every file that calls the file system by path says whose paths they are (covers: SEC-02)', () => {
  const unknown = product
    .filter(({ code }) => callsByPath(code).length > 0)
    .filter(({ path }) => !Object.keys(whosePaths).some((start) => path.startsWith(start)))
    .map(({ path, code }) => `${path}: ${callsByPath(code)}`);
  assert.deepEqual(unknown, [], 'files of servers are reached through src/volumes; other paths belong in this table');
});

test('nobody stands in the table without a reason (covers: SEC-02)', () => {
  const callers = product.filter(({ code }) => callsByPath(code).length > 0).map(({ path }) => path);
  const idle = Object.keys(whosePaths).filter((start) => !callers.some((path) => path.startsWith(start)));
  assert.deepEqual(idle, []);
});

test('the file system is imported call by call (covers: SEC-02)', () => {
  const whole =
    /import\s+(?:\*\s+as\s+\w+|\w+)\s+from\s+['"](?:node:)?fs(?:\/promises)?['"]|getBuiltinModule\(['"](?:node:)?fs|from ['"]fs(?:\/promises)?['"]/;
  assert.deepEqual(
    product.filter(({ code }) => whole.test(code)).map(({ path }) => path),
    [],
  );
});

test('where the files of servers are at hand, no tree is copied, listed or removed by path (covers: SEC-02, SEC-04)', () => {
  const forbidden = ['cp', 'cpSync', 'rmdir', 'glob', 'globSync', 'realpath'];
  const wrong = product
    .filter(({ path }) => path.startsWith('src/archive/') || path.startsWith('src/volumes/'))
    .flatMap(({ path, code }) => [
      ...callsByPath(code)
        .filter((name) => forbidden.includes(name))
        .map((name) => `${path}: ${name}`),
      ...(/\brm(?:Sync)?\([^)]*recursive/.test(code) ? [`${path}: rm of a tree`] : []),
      ...(/\breaddir(?:Sync)?\([^)]*recursive/.test(code) ? [`${path}: readdir of a tree`] : []),
    ]);
  assert.deepEqual(wrong, []);
});

function callsByPath(code: string): string[] {
  const imports = code.matchAll(/import\s+\{([^}]*)\}\s+from\s+['"]node:fs(?:\/promises)?['"]/g);
  return [...imports]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '' && !pathless.test(name));
}
