// What a Server may be beyond its schema: rules between fields. Decidable without the node's settings; what depends on
// those is decided when the container is built.
import { posix } from 'node:path';
import { allocationsOf, canonicalAddress, collide } from './allocations.ts';
import { unreadableRules } from './done-rules.ts';
import type { FieldCause } from './errors.ts';
import { atKey, duplicate, forbiddenField, invalidValue, required } from './field-causes.ts';
import { ImageReferenceError, parseImageReference } from './image-reference.ts';
import type { ServerSpec } from './server.ts';
import { signalNamed } from './signals.ts';

export interface ServerFindings {
  causes: FieldCause[];
  /** What is allowed but hardly meant. */
  warnings: string[];
}

/** What Linux takes as one argument string (MAX_ARG_STRLEN), without the NUL that ends it. */
const mostEnvironmentBytes = 128 * 1024 - 1;

/** Whatever the node's settings say, every container has something there already: Docker refuses a second mount. */
const takenTargets = ['/', '/home/container', '/tmp'];

/** Whatever the image and the settings say; as the schema's description tells. */
const setByNode = ['TZ', 'STARTUP', 'SERVER_MEMORY', 'SERVER_IP', 'SERVER_PORT'];

export function validateServer(spec: ServerSpec): ServerFindings {
  return {
    causes: [
      ...imageCauses(spec.image),
      ...environmentCauses(spec.environment),
      ...textCauses('spec.invocation', spec.invocation),
      ...textCauses('spec.egg.stop.value', spec.egg.stop.value),
      ...labelCauses(spec.containerLabels),
      ...threadCauses(spec.limits.threads),
      ...allocationCauses(spec.allocations),
      ...mountCauses(spec.mounts),
    ],
    warnings: warningsOf(spec),
  };
}

function imageCauses(image: string): FieldCause[] {
  try {
    parseImageReference(image.startsWith('~') ? image.slice(1) : image);
    return [];
  } catch (error) {
    if (error instanceof ImageReferenceError) return [invalidValue('spec.image', image, error.message)];
    throw error;
  }
}

function environmentCauses(environment: ServerSpec['environment']): FieldCause[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    const field = atKey('spec.environment', name);
    if (!/^[^=\0\s]+$/.test(name))
      return [invalidValue(field, name, 'the name must not be empty nor hold =, white space or NUL')];
    if (typeof value === 'number' && !Number.isFinite(value))
      return [invalidValue(field, String(value), 'must be a finite number')];
    if (Buffer.byteLength(`${name}=${value}`) > mostEnvironmentBytes) {
      return [invalidValue(field, undefined, `must not be longer than ${mostEnvironmentBytes} bytes with its name`)];
    }
    // A variable may be a password: it is not shown.
    return String(value).includes('\0') ? [invalidValue(field, undefined, 'must not contain NUL')] : [];
  });
}

/** NUL ends a string for the kernel: what stands behind it would be lost without a word. */
function textCauses(field: string, text: string): FieldCause[] {
  return text.includes('\0') ? [invalidValue(field, text, 'must not contain NUL')] : [];
}

function labelCauses(labels: ServerSpec['containerLabels']): FieldCause[] {
  return Object.entries(labels).flatMap(([name, text]) => {
    const field = atKey('spec.containerLabels', name);
    return name === '' ? [invalidValue(field, name, 'the name must not be empty')] : textCauses(field, name + text);
  });
}

function threadCauses(threads: string | undefined): FieldCause[] {
  const ranges = threads?.split(',') ?? [];
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return first <= last && last < 8_192
      ? []
      : [invalidValue('spec.limits.threads', threads, `${range} is not a range of cores`)];
  });
}

function allocationCauses(allocations: ServerSpec['allocations']): FieldCause[] {
  const all = allocationsOf(allocations);
  const causes = all.flatMap((allocation, index) => {
    const { field, ip, port } = allocation;
    if (canonicalAddress(ip) === undefined)
      return [invalidValue(`${field}.ip`, ip, 'must be an IP address, such as 0.0.0.0')];
    const earlier = all.slice(0, index).find((other) => collide(other, allocation));
    return earlier ? [duplicate(`${field}.port`, port, `${earlier.field} has it already`)] : [];
  });
  if (allocations.forceOutgoingIp && !allocations.default) {
    causes.push(required('spec.allocations.default', 'forceOutgoingIp needs the address to leave from'));
  }
  return causes;
}

function mountCauses(mounts: ServerSpec['mounts']): FieldCause[] {
  return mounts.flatMap(({ source, target }, index) => {
    const field = `spec.mounts[${index}]`;
    const causes = [...pathCauses(`${field}.source`, source), ...pathCauses(`${field}.target`, target)];
    const place = cleaned(target);
    if (takenTargets.includes(place))
      causes.push(forbiddenField(`${field}.target`, `${place} is taken in every container`));
    const earlier = mounts.slice(0, index).findIndex((other) => cleaned(other.target) === place);
    if (earlier >= 0) causes.push(duplicate(`${field}.target`, target, `spec.mounts[${earlier}] has it already`));
    return causes;
  });
}

/** Without `.`, doubled and trailing slashes. */
function cleaned(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function pathCauses(field: string, path: string): FieldCause[] {
  if (path.includes('\0')) return [invalidValue(field, path, 'must not contain NUL')];
  return path.split('/').includes('..') ? [invalidValue(field, path, 'must not contain ".."')] : [];
}

function warningsOf({ egg, environment, limits }: ServerSpec): string[] {
  const warnings: string[] = [];
  for (const rule of unreadableRules(egg.done)) {
    warnings.push(`spec.egg.done: ${JSON.stringify(rule)} is no RE2 expression; it is compared as plain text`);
  }
  if (egg.stop.type === 'signal' && !signalNamed(egg.stop.value)) {
    warnings.push(`spec.egg.stop.value: ${JSON.stringify(egg.stop.value)} is no signal; the process will be killed`);
  }
  const names = Object.keys(environment).map((name) => name.toUpperCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  const fixed = names.filter((name) => setByNode.includes(name));
  if (fixed.length > 0)
    warnings.push(`spec.environment: ${fixed.join(', ')} is set by the node; the value has no effect`);
  if (twice) warnings.push(`spec.environment: more than one name becomes ${twice} in upper case`);
  if (limits.memory === 0 && limits.swap > 0)
    warnings.push('spec.limits.swap: has no effect without spec.limits.memory');
  return warnings;
}
