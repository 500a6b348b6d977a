import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Client } from 'undici';
import { choosePort } from '../../src/state/ports.js';
import { MeasuredGateway } from '../gateway/gateway-process.js';
import { type Peer, startNginxForFiles, startOwn } from '../gateway/peers.js';
import { pattern, sumOf } from './pattern.js';

export const directions = ['download', 'upload'] as const;
export type Direction = (typeof directions)[number];

export interface StreamRun {
  readonly seconds: number;
  /** Of the proxy alone. */
  readonly cpuSeconds: number;
  readonly megabytesBefore: number;
  /** The most that the proxy's first process had meanwhile. */
  readonly peakMegabytes: number;
}

export interface StreamFigures {
  readonly bytes: number;
  readonly rounds: number;
  readonly runs: Readonly<Record<Direction, Readonly<Record<'gateway' | 'nginx', readonly StreamRun[]>>>>;
  readonly minutes: number;
}

/** One file through the gateway and through nginx, in turns, from and to the same service; every content is compared by its SHA-256. */
export async function measureStreams(
  { rounds, bytes }: { readonly rounds: number; readonly bytes: number },
  log: (text: string) => void,
): Promise<StreamFigures> {
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-streams-'));
  const stops: (() => Promise<void>)[] = [];
  const running = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const one = await starting;
    stops.unshift(() => one.stop());
    return one;
  };
  try {
    const expected = await sumOf(pattern(bytes));
    const port = await choosePort(0, new Set());
    const service = await running(startOwn('file service', ['file-service', String(port), String(bytes)], port));
    const gateway = (await running(MeasuredGateway.start(folder, service, 100, 'paperwork'))).peer;
    const nginx = await running(startNginxForFiles(folder, service));
    const of = () => ({ gateway: [] as StreamRun[], nginx: [] as StreamRun[] });
    const runs = { download: of(), upload: of() };
    const contenders = [['gateway', gateway] as const, ['nginx', nginx] as const];
    // The first round is none: connections are opened and code is compiled.
    for (let round = 0; round <= rounds; round++) {
      for (const direction of directions) {
        for (const [name, peer] of round % 2 === 0 ? contenders : contenders.toReversed()) {
          const run = await measure(peer, () => send(peer.port, direction, bytes), expected);
          if (round > 0) runs[direction][name].push(run);
          log(`  ${direction} through ${name}: ${run.seconds.toFixed(2)} s, ${run.cpuSeconds.toFixed(2)} CPU-s`);
        }
      }
    }
    return { bytes, rounds, runs, minutes: (performance.now() - began) / 60_000 };
  } finally {
    for (const stop of stops) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(peer: Peer, work: () => Promise<string>, expected: string): Promise<StreamRun> {
  peer.forgetPeak();
  const [megabytesBefore, cpuBefore, begun] = [peer.megabytes(), peer.cpuSeconds(), performance.now()];
  const sha256 = await work();
  const seconds = (performance.now() - begun) / 1000;
  if (sha256 !== expected) throw new Error(`${peer.name} passed on another content`);
  const cpuSeconds = peer.cpuSeconds() - cpuBefore;
  return { seconds, cpuSeconds, megabytesBefore, peakMegabytes: peer.peakMegabytes() };
}

/** Returns the SHA-256 of what arrived: here of a download, at the service of an upload. */
async function send(port: number, direction: Direction, bytes: number): Promise<string> {
  const client = new Client(`http://127.0.0.1:${port}`, { headersTimeout: 0, bodyTimeout: 0 });
  try {
    const isUpload = direction === 'upload';
    const { statusCode, body } = await client.request({
      method: isUpload ? 'POST' : 'GET',
      path: isUpload ? '/api/paperwork/files' : '/api/paperwork/files/1/content',
      headers: {
        'x-user-id': 'measured',
        ...(isUpload ? { 'content-type': 'application/octet-stream', 'content-length': String(bytes) } : {}),
      },
      body: isUpload ? Readable.from(pattern(bytes)) : null,
    });
    if (statusCode !== (isUpload ? 201 : 200)) throw new Error(`the ${direction} was answered ${statusCode}`);
    return isUpload ? ((await body.json()) as { sha256: string }).sha256 : await sumOf(body as AsyncIterable<Buffer>);
  } finally {
    await client.close();
  }
}
