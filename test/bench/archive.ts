// Archives of a whole game server, made and restored by the jobs of the product, each beside what the machine's own tools
// need for the same, in one run and in turns: node test/bench/archive.ts. Everything lies in memory (/dev/shm), so the
// disk is no part of it; what making things durable and reading them back costs is measured by itself, on a disk.
// Wings 1.13 needs for 838 MB on such a machine: create 2.8 s, about half of `tar | pigz -1`; restore 4.6 s, about 0.7 of
// `gzip -dc | tar -x`. Those figures stand for it here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchivePlan, CreatePlan, ReadPathPlan, StagePlan } from '../../src/archive/plan.ts';
import { ProcessRunner } from '../../src/archive/process-runner.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { makeGameTree, makeSmallFilesTree } from './support/archive-tree.ts';
import { figure, median } from './support/figure.ts';

const rounds = 3;
const server = 'aaaaaaaa-0000-4000-8000-000000000001';
const backup = 'bbbbbbbb-0000-4000-8000-000000000001';

interface Cost {
  seconds: number;
  /** Of all processes it took. */
  cpu: number;
  /** Bytes resident at the peak; 0 when it was not looked at. */
  peak: number;
}

// As bin/aileron does it for the daemon, and the daemon for its jobs.
enableCompileCache(join(tmpdir(), 'aileron-bench-compile-cache'));
const runner = new ProcessRunner({ log: recordedLog(), clock: systemClock });
const memory = mkdtempSync('/dev/shm/aileron-bench-');
const disk = mkdtempSync(join(tmpdir(), 'aileron-bench-'));
try {
  await gameServer();
  await smallFiles();
  await durability();
} finally {
  await runner.close();
  for (const directory of [memory, disk]) rmSync(directory, { recursive: true, force: true });
}

async function gameServer(): Promise<void> {
  const root = join(memory, 'game', server);
  const { bytes } = makeGameTree(root);
  const what = `${Math.round(bytes / 1e6)} MB`;
  const ours: Cost[] = [];
  const withoutProgress: Cost[] = [];
  const pigz: Cost[] = [];
  const igzip: Cost[] = [];
  const archive = join(memory, `${backup}.tar.gz`);
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await job(createPlan(root, archive), { progress: true }));
    withoutProgress.push(await job(createPlan(root, archive), { progress: false }));
    pigz.push(await tools(`tar -C '${root}' -c . | pigz -1 -p 2 > '${memory}/pigz.tar.gz'`));
    igzip.push(await tools(`tar -C '${root}' -c . | igzip -1 -T 2 > '${memory}/igzip.tar.gz'`));
  }
  const create = medians(ours);
  figure({ what: `create ${what}`, value: create.seconds, unit: 's', wings: '2.8 s' });
  figure({ what: `create ${what}: CPU`, value: create.cpu, unit: 'CPU s', aim: 2.35, wings: '4.7 CPU s' });
  figure({ what: `create ${what}: peak of the job`, value: create.peak / 1e6, unit: 'MB', wings: '65 MB' });
  figure({ what: 'tar | pigz -1 -p 2, to create', value: ratio(pigz, ours), unit: '×', aim: 5 });
  figure({ what: 'tar | igzip -1 -T 2, to create', value: ratio(igzip, ours), unit: '×', aim: 1 });
  figure({ what: 'create without progress, to create', value: ratio(withoutProgress, ours), unit: '×' });
  const size = statSync(archive).size;
  const ofPigz = statSync(join(memory, 'pigz.tar.gz')).size;
  figure({ what: `create ${what}: size of the archive`, value: size / 1e6, unit: 'MB', aim: (ofPigz * 1.02) / 1e6 });

  await restore(what, root, archive);
}

async function restore(what: string, root: string, archive: string): Promise<void> {
  const target = join(memory, 'restored');
  const single = join(memory, 'single.tar.gz');
  // One member without directories, as Wings writes it.
  await tools(`cd '${root}' && find . -type f -printf '%P\\0' | tar -c --null -T - | igzip -1 > '${single}'`);
  const ours: Cost[] = [];
  const foreign: Cost[] = [];
  const gzip: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await stageAndSwap(archive, target));
    foreign.push(await stageAndSwap(single, target));
    mkdirSync(join(target, 'tools'), { recursive: true });
    gzip.push(await tools(`gzip -dc '${join(memory, 'pigz.tar.gz')}' | tar -C '${target}/tools' -x`));
    rmSync(join(target, 'tools'), { recursive: true });
  }
  const restored = medians(ours);
  figure({ what: `restore ${what} with truncate`, value: restored.seconds, unit: 's', wings: '4.6 s' });
  figure({ what: `restore ${what}: CPU`, value: restored.cpu, unit: 'CPU s', wings: '4.5 CPU s' });
  figure({ what: `restore ${what}: peak of the job`, value: restored.peak / 1e6, unit: 'MB' });
  figure({ what: 'gzip -dc | tar -x, to restore', value: ratio(gzip, ours), unit: '×', aim: 3.5 });
  const single1 = medians(foreign);
  figure({ what: `restore ${what} of an archive in one member`, value: single1.seconds, unit: 's', wings: '4.6 s' });
  figure({ what: 'gzip -dc | tar -x, to restore one member', value: ratio(gzip, foreign), unit: '×', aim: 2.1 });
}

async function smallFiles(): Promise<void> {
  const root = join(memory, 'small', server);
  makeSmallFilesTree(root);
  const archive = join(memory, `${backup}.tar.gz`);
  const ours: Cost[] = [];
  const pigz: Cost[] = [];
  const restored: Cost[] = [];
  const gzip: Cost[] = [];
  const target = join(memory, 'restored');
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await job(createPlan(root, archive), { progress: true }));
    pigz.push(await tools(`tar -C '${root}' -c . | pigz -1 -p 2 > '${memory}/pigz.tar.gz'`));
    restored.push(await stageAndSwap(archive, target));
    mkdirSync(join(target, 'tools'), { recursive: true });
    gzip.push(await tools(`gzip -dc '${memory}/pigz.tar.gz' | tar -C '${target}/tools' -x`));
    rmSync(join(target, 'tools'), { recursive: true });
  }
  const what = '100,000 files of 4 KiB';
  figure({ what: `create ${what}`, value: medians(ours).seconds, unit: 's' });
  figure({ what: `create ${what}: CPU`, value: medians(ours).cpu, unit: 'CPU s' });
  figure({ what: 'tar | pigz -1 -p 2, to create small files', value: ratio(pigz, ours), unit: '×' });
  figure({ what: `restore ${what}`, value: medians(restored).seconds, unit: 's' });
  figure({ what: `restore ${what}: CPU`, value: medians(restored).cpu, unit: 'CPU s' });
  figure({ what: 'gzip -dc | tar -x, to restore small files', value: ratio(gzip, restored), unit: '×' });
}

/** What Wings does not do: reading the archive back, and waiting for the disk. */
async function durability(): Promise<void> {
  const root = join(memory, 'game', server);
  const archive = join(memory, `${backup}.tar.gz`);
  const plain: Cost[] = [];
  const verified: Cost[] = [];
  const onDisk: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) {
    plain.push(await job(createPlan(root, archive), { progress: true }));
    verified.push(await job({ ...createPlan(root, archive), verify: true }, { progress: true }));
    onDisk.push(await stageAndSwap(archive, join(disk, 'restored')));
  }
  const extra = medians(verified).seconds - medians(plain).seconds;
  figure({ what: 'reading an archive back: more for a create', value: extra, unit: 's' });
  const inMemory = medians(await inTurns(() => stageAndSwap(archive, join(memory, 'restored'))));
  figure({
    what: 'restore on a disk, synchronized: more',
    value: medians(onDisk).seconds - inMemory.seconds,
    unit: 's',
  });
}

async function inTurns(work: () => Promise<Cost>): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) costs.push(await work());
  return costs;
}

function createPlan(root: string, archive: string): CreatePlan {
  rmSync(archive, { force: true });
  return {
    kind: 'create',
    root,
    archive,
    server,
    backup,
    operation: 'bench-1',
    ignore: '',
    ignoreFiles: ['.pelicanignore', '.pteroignore'],
    format: 'gzip',
    level: 'fast',
    tarEntries: 'wings',
    writeLimit: 0,
    verify: false,
    knownBytes: 0,
    daemonVersion: 'bench',
  };
}

/** A restore with truncate over a directory with one file, but for removing what was there. */
async function stageAndSwap(archive: string, data: string): Promise<Cost> {
  const root = join(data, server);
  mkdirSync(root, { recursive: true });
  const staging = join(data, '.restore', server, 'bench-1');
  const target = { root, staging, uid: 0, gid: 0 };
  const limits = { contentBytes: 0, entries: 1_000_000, reserveBytes: 0 };
  const stage: StagePlan = { kind: 'stage', ...target, archive, paths: [], mode: 'truncate', readLimit: 0, limits };
  const costs = [
    await job(stage, { progress: true }),
    await job({ kind: 'move-old', ...target }, { progress: false }),
    await job({ kind: 'move-new', ...target }, { progress: false }),
  ];
  rmSync(data, { recursive: true });
  return {
    seconds: sum(costs.map(({ seconds }) => seconds)),
    cpu: sum(costs.map(({ cpu }) => cpu)),
    peak: Math.max(...costs.map(({ peak }) => peak)),
  };
}

async function job(plan: Exclude<ArchivePlan, ReadPathPlan>, { progress }: { progress: boolean }): Promise<Cost> {
  return measured(async () => {
    const { signal } = new AbortController();
    await runner.run(plan, { signal, ...(progress ? { onProgress: () => {} } : {}) });
  });
}

/** A pipe of the machine's own programs, which a shell joins. */
function tools(line: string): Promise<Cost> {
  return measured(async () => {
    const child = spawn('/bin/bash', ['-c', `set -o pipefail; ${line}`], { stdio: ['ignore', 'inherit', 'inherit'] });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${line} ended with ${code}`);
  });
}

async function measured(work: () => Promise<void>): Promise<Cost> {
  const cpuBefore = childrenCpu();
  const start = performance.now();
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, sum(children().map(peakOf)));
  }, 20);
  await work();
  clearInterval(look);
  return { seconds: (performance.now() - start) / 1000, cpu: childrenCpu() - cpuBefore, peak };
}

/** Of children that have ended and of theirs, in ticks of 10 ms: the 14th and 15th field behind the name. */
function childrenCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
}

function peakOf(pid: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has ended meanwhile.
  }
}

function medians(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost) => median(costs.map((cost) => cost[key]));
  return { seconds: of('seconds'), cpu: of('cpu'), peak: of('peak') };
}

/** How many times as long the others took, pair by pair. */
function ratio(others: readonly Cost[], ours: readonly Cost[]): number {
  return median(others.map(({ seconds }, round) => seconds / (ours[round]?.seconds ?? Number.NaN)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
