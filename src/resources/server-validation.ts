// What a Server may be beyond its schema: rules between fields. Decidable without the node's settings; what depends on
// those is decided when the container is built.
import { isIP } from 'node:net';
import { RE2JS } from 're2js';
import type { FieldCause } from './errors.ts';
import { duplicate, invalidValue, required } from './field-causes.ts';
import { ImageReferenceError, parseImageReference } from './image-reference.ts';
import type { ServerSpec } from './server.ts';

export interface ServerFindings {
  causes: FieldCause[];
  /** What is allowed but hardly meant. */
  warnings: string[];
}

const mostEnvironmentBytes = 128 * 1024; // what Linux takes as one argument string
const knownSignal =
  /^(\^?C|(SIG)?(ABRT|ALRM|CHLD|CONT|FPE|HUP|ILL|INT|IO|KILL|PIPE|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|BUS))$/i;

export function validateServer(spec: ServerSpec): ServerFindings {
  return {
    causes: [
      ...imageCauses(spec.image),
      ...environmentCauses(spec.environment),
      ...textCauses('spec.invocation', spec.invocation),
      ...textCauses('spec.egg.stop.value', spec.egg.stop.value),
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
    const field = `spec.environment[${name}]`;
    if (!/^[^=\0\s]+$/.test(name))
      return [invalidValue(field, name, 'the name must not be empty nor hold =, white space or NUL')];
    if (typeof value === 'number' && !Number.isFinite(value))
      return [invalidValue(field, String(value), 'must be a finite number')];
    if (Buffer.byteLength(`${name}=${value}`) > mostEnvironmentBytes) {
      return [invalidValue(field, undefined, `must not be longer than ${mostEnvironmentBytes} bytes with its name`)];
    }
    return textCauses(field, String(value));
  });
}

/** NUL ends a string for the kernel: what stands behind it would be lost without a word. */
function textCauses(field: string, text: string): FieldCause[] {
  return text.includes('\0') ? [invalidValue(field, text, 'must not contain NUL')] : [];
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

type Allocations = ServerSpec['allocations'];

/** Every address the server publishes, with the field it stands in. */
export function allocationsOf({
  default: first,
  additional,
}: Allocations): { field: string; ip: string; port: number }[] {
  const rest = additional.map(({ ip, port }, index) => ({ field: `spec.allocations.additional[${index}]`, ip, port }));
  return first ? [{ field: 'spec.allocations.default', ip: first.ip, port: first.port }, ...rest] : rest;
}

/** Two addresses that Docker cannot both bind: the same port, and one address equal to the other or any of its family. */
export function collide(a: { ip: string; port: number }, b: { ip: string; port: number }): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const any = (ip: string) => ip === '0.0.0.0' || ip === '::' || ip === '';
  return a.ip === b.ip || any(a.ip) || any(b.ip);
}

function allocationCauses(allocations: Allocations): FieldCause[] {
  const all = allocationsOf(allocations);
  const causes = all.flatMap((allocation, index) => {
    const { field, ip, port } = allocation;
    if (ip !== '' && isIP(ip) === 0) return [invalidValue(`${field}.ip`, ip, 'must be an IP address, such as 0.0.0.0')];
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
    if (target === '/') causes.push(invalidValue(`${field}.target`, target, 'must not be the root of the container'));
    const earlier = mounts.slice(0, index).findIndex((other) => other.target === target);
    if (earlier >= 0) causes.push(duplicate(`${field}.target`, target, `spec.mounts[${earlier}] has it already`));
    return causes;
  });
}

function pathCauses(field: string, path: string): FieldCause[] {
  if (path.includes('\0')) return [invalidValue(field, path, 'must not contain NUL')];
  return path.split('/').includes('..') ? [invalidValue(field, path, 'must not contain ".."')] : [];
}

function warningsOf({ egg, environment, limits }: ServerSpec): string[] {
  const warnings: string[] = [];
  for (const rule of egg.done) {
    if (rule.startsWith('regex:') && !isExpression(rule.slice('regex:'.length))) {
      warnings.push(`spec.egg.done: ${JSON.stringify(rule)} is no RE2 expression; it is compared as plain text`);
    }
  }
  if (egg.stop.type === 'signal' && !knownSignal.test(egg.stop.value)) {
    warnings.push(`spec.egg.stop.value: ${JSON.stringify(egg.stop.value)} is no signal; the process will be killed`);
  }
  const names = Object.keys(environment).map((name) => name.toUpperCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) warnings.push(`spec.environment: more than one name becomes ${twice} in upper case`);
  if (limits.memory === 0 && limits.swap > 0)
    warnings.push('spec.limits.swap: has no effect without spec.limits.memory');
  return warnings;
}

function isExpression(text: string): boolean {
  if (text === '') return false;
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    // Whatever it throws, it is not an expression that can be matched.
    return false;
  }
}
