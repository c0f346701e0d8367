// A server as the Panel describes it, made into the spec of a Server object. Pure, and tolerant of what PHP makes of empty
// values; what is left out is said in a note. Bounds are those of the kind: admission has the last word on every value.
import type { Flavour } from '../config/config.ts';
import { uuidPattern } from '../resources/schema-parts.ts';
import type { ServerSpec } from '../resources/server.ts';
import { shapeCauses } from '../resources/shape.ts';
import { withoutEnd } from '../text/without-end.ts';
import { configFilesOf } from './config-files.ts';
import { booleanOf, type Fields, fieldsOf, integerOf, isFields, listOf, textOf, textsOf } from './read-value.ts';

/** What the Panel decides; who starts and stops it, and where it is, is decided here. */
export type PanelSpec = Omit<ServerSpec, 'power' | 'nodeName' | 'owner'> & { uuid: string };

export interface ServerRecord {
  uuid: string;
  spec: PanelSpec;
  /** What of the record is not taken, and why, in sentences. */
  notes: string[];
}

/** The record cannot become a server. */
export class BadRecordError extends Error {
  /** Whom it is about, if it says so in a way that can be believed. */
  readonly uuid: string | undefined;
  constructor(uuid: string | undefined, message: string) {
    super(message);
    this.name = 'BadRecordError';
    this.uuid = uuid;
  }
}

/** Taken in every container, whatever a Panel wants to mount there. */
const takenTargets = ['/', '/home/container', '/tmp'];

/** Only of the id, so that a record that is bad otherwise can still be told of. */
export function uuidOfRecord(record: unknown): string | undefined {
  const { uuid, settings } = fieldsOf(record);
  const inner = fieldsOf(settings)['uuid'];
  const found = (textOf(uuid) ?? textOf(inner))?.toLowerCase();
  if (found === undefined || !new RegExp(uuidPattern).test(found)) return undefined;
  return inner === undefined || textOf(inner)?.toLowerCase() === found ? found : undefined;
}

/** @throws BadRecordError */
export function readServer(record: unknown, flavour: Flavour): ServerRecord {
  const uuid = uuidOfRecord(record);
  if (!uuid) throw new BadRecordError(undefined, 'it has no uuid of version 4');
  const { settings: given, process_configuration: process } = fieldsOf(record);
  if (!isFields(given)) throw new BadRecordError(uuid, 'it has no settings');
  const [cause] = shapeCauses(record as object);
  if (cause) throw new BadRecordError(uuid, `it ${cause.message}`);
  const image = textOf(fieldsOf(given['container'])['image']);
  if (!image) throw new BadRecordError(uuid, 'it names no image');

  const notes: string[] = [];
  const meta = fieldsOf(given['meta']);
  const id = integerOf(given['id']);
  const crashDetectionEnabled = booleanOf(given['crash_detection_enabled']);
  const spec: PanelSpec = {
    uuid,
    displayName: (textOf(meta['name']) ?? '').slice(0, 1024),
    description: (textOf(meta['description']) ?? '').slice(0, 16384),
    ...(id === undefined || id < 0 ? {} : { panelId: id }),
    image,
    imagePullPolicy: 'Always',
    invocation: textOf(given['invocation']) ?? '',
    environment: environmentOf(given['environment'], notes),
    containerLabels: labelsOf(given['labels']),
    limits: limitsOf(fieldsOf(given['build']), flavour),
    allocations: allocationsOf(fieldsOf(given['allocations'])),
    mounts: mountsOf(given['mounts'], notes),
    egg: eggOf(fieldsOf(given['egg']), fieldsOf(process), notes),
    skipEggScripts: booleanOf(given['skip_egg_scripts']) ?? false,
    ...(crashDetectionEnabled === undefined ? {} : { crashDetectionEnabled }),
    suspended: booleanOf(given['suspended']) ?? false,
    reclaimPolicy: 'Delete',
  };
  return { uuid, spec, notes };
}

/** Order and JSON types stay. */
function environmentOf(given: unknown, notes: string[]): ServerSpec['environment'] {
  const entries = Object.entries(fieldsOf(given)).filter(([name, value]) => {
    const isScalar = value === null || typeof value !== 'object';
    const fits = isScalar && /^[^=\0\s]+$/.test(name);
    if (!fits) notes.push(`The variable ${shown(name)} is left out: no environment can hold it.`);
    return fits;
  });
  return Object.fromEntries(entries) as ServerSpec['environment'];
}

function labelsOf(given: unknown): Record<string, string> {
  const entries = Object.entries(fieldsOf(given)).map(([name, value]) => [name, textOf(value) ?? ''] as const);
  return Object.fromEntries(entries.filter(([name]) => name !== ''));
}

function limitsOf(build: Fields, flavour: Flavour): ServerSpec['limits'] {
  const number = (key: string, fallback: number) => integerOf(build[key]) ?? fallback;
  const threads = (textOf(build['threads']) ?? '').replaceAll(/\s+/g, '');
  return {
    memory: number('memory_limit', 0),
    swap: number('swap', 0),
    disk: number('disk_space', 0),
    cpu: number('cpu_limit', 0),
    ...(threads === '' ? {} : { threads }),
    io: number('io_weight', 500),
    oomKiller: oomKillerOf(build),
    memoryUnit: flavour === 'pterodactyl' ? 'MB' : 'MiB',
  };
}

/** The two Panels say the opposite of one another. */
function oomKillerOf(build: Fields): boolean {
  const killer = booleanOf(build['oom_killer']);
  if (killer !== undefined) return killer;
  const disabled = booleanOf(build['oom_disabled']);
  return disabled === undefined || !disabled;
}

function allocationsOf(given: Fields): ServerSpec['allocations'] {
  const first = fieldsOf(given['default']);
  const [ip, port] = [textOf(first['ip']), integerOf(first['port'])];
  const main = ip && port !== undefined ? { ip, port } : undefined;
  const taken = new Set(main ? [`${main.ip} ${main.port}`] : []);
  const additional: { ip: string; port: number }[] = [];
  for (const [address, ports] of Object.entries(fieldsOf(given['mappings']))) {
    for (const one of listOf(ports).flatMap((value) => integerOf(value) ?? [])) {
      if (address === '' || taken.has(`${address} ${one}`)) continue;
      taken.add(`${address} ${one}`);
      additional.push({ ip: address, port: one });
    }
  }
  const forceOutgoingIp = main !== undefined && (booleanOf(given['force_outgoing_ip']) ?? false);
  return { ...(main ? { default: main } : {}), additional, forceOutgoingIp };
}

/** One that no container can have is left out, and the server goes on. */
function mountsOf(given: unknown, notes: string[]): ServerSpec['mounts'] {
  const targets = new Set(takenTargets);
  return listOf(given).flatMap((one) => {
    const { source, target, read_only } = fieldsOf(one);
    const [from, to] = [textOf(source) ?? '', textOf(target) ?? ''];
    const place = to.length > 1 ? withoutEnd(to, '/') : to;
    if (!isPlainPath(from) || !isPlainPath(to) || targets.has(place)) {
      notes.push(`The mount of ${shown(from)} at ${shown(to)} is left out.`);
      return [];
    }
    targets.add(place);
    return [{ source: from, target: to, readOnly: booleanOf(read_only) ?? false }];
  });
}

/** Absolute, and nothing in it that leads elsewhere. */
function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0') && !path.split('/').some((part) => part === '..' || part === '.');
}

function eggOf(egg: Fields, process: Fields, notes: string[]): ServerSpec['egg'] {
  const startup = fieldsOf(process['startup']);
  const stop = fieldsOf(process['stop']);
  const features = Object.entries(fieldsOf(egg['features'])).map(
    ([name, phrases]) => [name, textsOf(phrases)] as const,
  );
  const id = textOf(egg['id']);
  return {
    // Empty means that no line of output makes it running.
    done: textsOf(startup['done']),
    stripAnsi: booleanOf(startup['strip_ansi']) ?? false,
    stop: stopOf(textOf(stop['type']) ?? '', textOf(stop['value']) ?? ''),
    ...(id === undefined ? {} : { id }),
    fileDenylist: textsOf(egg['file_denylist']),
    features: Object.fromEntries(features),
    configs: configFilesOf(process['configs'], notes),
  };
}

/** An empty type takes the way of a signal, which then is none: the process is killed. */
function stopOf(type: string, value: string): ServerSpec['egg']['stop'] {
  if (type === 'command' || type === 'stop') return { type, value };
  return { type: 'signal', value: type === 'signal' ? value : 'SIGKILL' };
}

/** A name of whoever wrote the egg, short and on one line. */
function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}
