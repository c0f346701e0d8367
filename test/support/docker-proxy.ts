// A socket in front of Docker's that a test can cut: single connections by what was asked over them, or all of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from './docker.ts';
import type { Owner } from './owner.ts';

interface Line {
  near: Socket;
  far: Socket;
  /** First line of the newest request. */
  request: string;
}

export interface DockerProxy {
  /** Points a daemon at the proxy. */
  env: Env;
  /** Breaks every open connection whose newest request contains the text. Answers how many. */
  cut(request: string): number;
  /** How many requests so far contained the text. */
  asked(request: string): number;
  /** Breaks every connection and refuses new ones until `back`. */
  away(): Promise<void>;
  back(): Promise<void>;
}

export async function dockerProxy(t: Owner, env: Env = process.env): Promise<DockerProxy> {
  const directory = mkdtempSync(join(tmpdir(), 'ap-'));
  const path = join(directory, 'docker.sock');
  const upstream = (env['DOCKER_HOST'] || 'unix:///var/run/docker.sock').replace('unix://', '');
  const lines = new Set<Line>();
  const requests: string[] = [];
  let server: Server | undefined;

  const cut = (request: string) => {
    const chosen = [...lines].filter((line) => line.request.includes(request));
    for (const line of chosen) end(line);
    return chosen.length;
  };
  const asked = (request: string) => requests.filter((line) => line.includes(request)).length;
  const end = (line: Line) => {
    lines.delete(line);
    line.near.destroy();
    line.far.destroy();
  };
  const away = async () => {
    const closing = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()));
    cut('');
    await closed;
  };
  const back = async () => {
    const opening = createServer({ allowHalfOpen: true }, (near) => {
      const line = { near, far: connect({ path: upstream, allowHalfOpen: true }), request: '' };
      lines.add(line);
      near.on('data', (piece: Buffer) => {
        const [, request] = /^((?:GET|POST|DELETE|HEAD) \S+)/.exec(piece.toString('latin1')) ?? [];
        if (!request) return;
        line.request = request;
        requests.push(request);
      });
      near.pipe(line.far).pipe(near);
      for (const socket of [near, line.far]) socket.on('error', () => end(line)).on('close', () => end(line));
    });
    server = opening;
    await new Promise<void>((resolve, reject) => opening.on('error', reject).listen(path, resolve));
  };

  await back();
  t.after(async () => {
    await away();
    rmSync(directory, { recursive: true, force: true });
  });
  return { env: { DOCKER_HOST: `unix://${path}` }, cut, away, back, asked };
}
