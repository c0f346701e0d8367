// Whether the Node.js under this process is one that the daemon was made for.
import { type Finding, ok, problem } from './finding.ts';

const oldest = 24;

export function checkVersions(aileron: string, node = process.version): Finding[] {
  const major = Number(/^v(\d+)/.exec(node)?.[1]);
  if (major >= oldest) return [ok(`Aileron ${aileron} on Node.js ${node.slice(1)}`)];
  return [
    problem(
      `Node.js ${node.slice(1)} is too old for Aileron ${aileron}`,
      `Install Node.js ${oldest} or newer, or run npm start once.`,
    ),
  ];
}
