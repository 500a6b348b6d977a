import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../src/base/package-root.js';
import { listens } from '../../src/stack/servers/reachable.js';
import { choosePort } from '../../src/state/ports.js';

/** A program that answers on a port, and the processor time it has used. */
export class Peer {
  private constructor(
    readonly name: string,
    readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  static async start(
    name: string,
    command: string,
    args: readonly string[],
    port: number,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Peer> {
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const peer = new Peer(name, port, child);
    await peer.answers();
    return peer;
  }

  /** Seconds of all its processes. */
  cpuSeconds(): number {
    const { pid } = this.child;
    if (pid === undefined) return 0;
    return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + cpuSecondsOf(one), 0);
  }

  /** Resident memory of all its processes, megabytes. */
  megabytes(): number {
    const { pid } = this.child;
    if (pid === undefined) return 0;
    const pages = [pid, ...childrenOf(pid)].map((one) =>
      Number(readFileSync(`/proc/${one}/statm`, 'utf8').split(' ')[1]),
    );
    return (pages.reduce((sum, one) => sum + one, 0) * 4096) / 1e6;
  }

  /** The most memory that its first process has had since the count was begun anew, megabytes. */
  peakMegabytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return (Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
  }

  /** Begins the count of `peakMegabytes` anew. */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.child.pid}/clear_refs`, '5');
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await gone;
    clearTimeout(timer);
  }

  private async answers(): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (this.child.exitCode !== null)
        throw new Error(`${this.name} ended with ${this.child.exitCode} instead of listening`);
      if (await listens(this.port)) return;
      await sleep(50);
    }
    throw new Error(`${this.name} does not listen on port ${this.port}`);
  }
}

/** Bytes of the answer that is streamed. */
export const streamedBytes = 1024 ** 3;

/** What answers behind every proxy: nginx with a small fixed JSON, a file of 1 GiB, and a count of the requests it saw. */
export async function startUpstream(folder: string): Promise<Peer> {
  const port = await choosePort(0, new Set());
  const body = '{"id":1,"user_id":"user-1","year_pillar":"갑자","warnings":[]}';
  const big = join(folder, 'big');
  writeFileSync(big, '');
  truncateSync(big, streamedBytes);
  const server = [
    `server { listen 127.0.0.1:${port} backlog=4096;`,
    `location / { default_type application/json; return 200 '${body}'; }`,
    `location = /records/big { alias ${big}; } location = /count { stub_status; } }`,
  ].join('\n');
  return startNginx('upstream', folder, port, server);
}

/** All requests that an upstream has seen, and how many of them this look took itself. */
export interface RequestsSeen {
  readonly total: number;
  readonly looks: number;
}

/** Looks until no more requests come: what a proxy had under way for clients that left arrives a moment later. */
export async function requestsSeen(upstream: Peer): Promise<RequestsSeen> {
  let before = Number.NaN;
  for (let looks = 1; ; looks++) {
    const text = await (await fetch(`http://127.0.0.1:${upstream.port}/count`)).text();
    const total = Number(/^\s*\d+ \d+ (\d+)/m.exec(text)?.[1]);
    if (total === before + 1) return { total, looks };
    before = total;
    await sleep(settleMillis);
  }
}

const settleMillis = 100;

export async function startNginxProxy(folder: string, upstream: Peer): Promise<Peer> {
  const port = await choosePort(0, new Set());
  const server = [
    `upstream service { server 127.0.0.1:${upstream.port}; keepalive 64; keepalive_requests 100000000; }`,
    `server { listen 127.0.0.1:${port}; location /api/saju/ { proxy_pass http://service/;`,
    'proxy_http_version 1.1; proxy_set_header Connection ""; } }',
  ].join('\n');
  return startNginx('nginx', folder, port, server);
}

/** As the gateway does, it passes bodies on as they come, both ways, and keeps none of them on the disk. */
export async function startNginxForFiles(folder: string, upstream: Peer): Promise<Peer> {
  const port = await choosePort(0, new Set());
  const server = [
    `upstream service { server 127.0.0.1:${upstream.port}; keepalive 8; }`,
    `server { listen 127.0.0.1:${port}; client_max_body_size 0; location /api/paperwork/ { proxy_pass http://service/;`,
    'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; proxy_max_temp_file_size 0; } }',
  ].join('\n');
  return startNginx('nginx', folder, port, server);
}

async function startNginx(name: string, folder: string, port: number, server: string): Promise<Peer> {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${place}/${one};`);
  writeFileSync(
    join(place, 'nginx.conf'),
    [
      // Started by root its workers would run as another user, who may not read in this folder.
      process.getuid?.() === 0 ? 'user root;' : '',
      `worker_processes 1; daemon off; pid ${place}/pid; error_log ${place}/error.log;`,
      'events { worker_connections 4096; }',
      `http { access_log off; keepalive_requests 100000000; ${paths.join(' ')} ${server} }`,
    ].join('\n'),
  );
  return Peer.start(
    name,
    'nginx',
    ['-p', place, '-c', join(place, 'nginx.conf'), '-e', join(place, 'error.log')],
    port,
  );
}

/** The path of Traefik, or undefined where it is not installed. */
export function findTraefik(): string | undefined {
  const { status, stdout } = spawnSync('which', ['traefik'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** The version lines of the peers that are programs. */
export function describePeers(): readonly string[] {
  const wrk = spawnSync('wrk', ['--version'], { encoding: 'utf8' }).stdout.split(' [')[0] ?? 'wrk';
  const traefik = spawnSync('traefik', ['version'], { encoding: 'utf8' });
  const version = traefik.status === 0 ? [`Traefik ${/Version:\s+(\S+)/.exec(traefik.stdout)?.[1]}`] : [];
  return [describeNginx(), ...version, wrk];
}

/** The version line of nginx. */
export function describeNginx(): string {
  return spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr.trim().replace('nginx version: ', '');
}

export async function startTraefik(program: string, folder: string, upstream: Peer): Promise<Peer> {
  const port = await choosePort(0, new Set());
  const dynamic = join(folder, 'traefik-dynamic.yaml');
  writeFileSync(
    dynamic,
    JSON.stringify({
      http: {
        routers: { saju: { rule: 'PathPrefix(`/api/saju/`)', service: 'saju', middlewares: ['strip'] } },
        middlewares: { strip: { stripPrefix: { prefixes: ['/api/saju'] } } },
        services: { saju: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${upstream.port}` }] } } },
      },
    }),
  );
  const args = [
    `--entrypoints.web.address=127.0.0.1:${port}`,
    `--providers.file.filename=${dynamic}`,
    '--log.level=ERROR',
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
  ];
  return Peer.start('Traefik', program, args, port);
}

/** A program of this benchmark's own, run as a process for itself. */
export async function startOwn(name: string, args: readonly string[], port: number): Promise<Peer> {
  return Peer.start(name, process.execPath, [join(packageRoot(), 'dist', 'bench', 'main.js'), ...args], port);
}

/** From /proc: user and system time are fields 14 and 15 behind the command in brackets, in hundredths. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
