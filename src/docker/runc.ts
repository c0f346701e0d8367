// Which versions of runc let a container out. Pure.
//
// Source: the advisories of November 2025 (CVE-2025-31133, -52565, -52881), closed in 1.2.8, 1.3.3 and 1.4.0-rc.3. They
// closed the earlier escapes too, and series before 1.2 are no longer maintained.

const firstSafePatch: Record<string, number> = { '1.2': 8, '1.3': 3 };
const firstSafeCandidate = 3; // of 1.4.0

/** `undefined` when the version cannot be read. */
export function isRuncSafe(version: string): boolean | undefined {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)(?:-rc\.?(\d+))?/.exec(version);
  if (!parts) return undefined;
  const [major = 0, minor = 0, patch = 0] = parts.slice(1, 4).map(Number);
  const candidate = parts[4] === undefined ? undefined : Number(parts[4]);
  const safePatch = firstSafePatch[`${major}.${minor}`];
  if (safePatch !== undefined) return patch >= safePatch && candidate === undefined;
  if (major === 1 && minor === 4 && patch === 0 && candidate !== undefined) return candidate >= firstSafeCandidate;
  return major > 1 || (major === 1 && minor >= 4);
}
