// Programs of the machine that some tests use. What Debian has and this user may install is installed; a test whose
// tool is missing all the same is skipped with its name.
import { existsSync, readdirSync } from 'node:fs';
import { aptInstall, canInstall } from './apt.mjs';
import { staticBusybox } from './busybox.mjs';
import { findProgram } from './run.mjs';
import { step } from './step.mjs';

const tools = [
  { name: 'busybox-static', package: 'busybox-static', isThere: () => staticBusybox() !== undefined },
  { name: 'bsdtar', package: 'libarchive-tools', isThere: () => findProgram('bsdtar') !== undefined },
  { name: 'chromium', package: 'chromium', isThere: () => findProgram('chromium') !== undefined },
  { name: 'git', package: 'git', isThere: () => findProgram('git') !== undefined },
  { name: 'libfaketime', package: 'libfaketime', isThere: hasFaketimeLibrary },
  { name: 'mmdebstrap', package: 'mmdebstrap', isThere: () => findProgram('mmdebstrap') !== undefined },
  { name: 'script', package: 'bsdutils', isThere: () => findProgram('script') !== undefined },
  { name: 'systemd-analyze', package: 'systemd', isThere: () => findProgram('systemd-analyze') !== undefined },
  { name: 'kubectl', isThere: () => findProgram('kubectl') !== undefined },
];

export async function ensureTestTools() {
  await step(`test tools (${tools.map(({ name }) => name).join(', ')})`, async () => {
    const packages = tools.filter((tool) => tool.package && !tool.isThere()).map((tool) => tool.package);
    if (packages.length > 0 && canInstall()) await aptInstall(packages);
    const missing = tools.filter((tool) => !tool.isThere()).map(({ name }) => name);
    if (missing.length > 0) return `missing: ${missing.join(', ')}; tests that need them are skipped`;
    return packages.length > 0 ? `installed ${packages.join(', ')}` : 'already there';
  });
}

function hasFaketimeLibrary() {
  if (!existsSync('/usr/lib')) return false;
  return ['/usr/lib', ...readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`)].some((directory) =>
    existsSync(`${directory}/faketime/libfaketime.so.1`),
  );
}
