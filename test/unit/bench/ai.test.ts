import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { predictionLoad, predictionRequest } from '../../../bench/ai/load.js';
import type { AiFigures, ModelFigures } from '../../../bench/ai/measure.js';
import { renderMoving } from '../../../bench/ai/moving.js';
import { renderAi } from '../../../bench/ai/table.js';
import { compareSpeeds } from '../../../src/domain/models/comparison/speed.js';

test('a load counts what was answered, and what was not', async () => {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push(Buffer.concat(chunks).toString());
    response.writeHead(received.length % 10 === 0 ? 503 : 200, { 'content-length': 2 });
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const requests = [
    ['가나다', 1],
    ['b', 2],
  ].map((row) => predictionRequest('/models/m/predict', 'token', [row]));
  const figures = await predictionLoad({ port, requests, connections: 4, seconds: 0.5 });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(received.slice(0, 2).map((body) => JSON.parse(body))).toEqual([
    { inputs: [['가나다', 1]] },
    { inputs: [['b', 2]] },
  ]);
  expect(figures.perSecond).toBeGreaterThan(10);
  expect(figures.p99).toBeGreaterThanOrEqual(figures.p50);
  expect(figures.errors).toBe(Math.floor(received.length / 10));
});

function figuresOf(
  legacyPerSecond: number,
  cubePerSecond: number,
  decision: 'activate' | 'accuracy_dropped',
): AiFigures {
  const load = (perSecond: number) => ({ perSecond, p50: 1, p99: 2, errors: 0 });
  const rounds = [1, 1.02, 0.99].map((noise) => ({ legacy: load(legacyPerSecond), cube: load(cubePerSecond * noise) }));
  const side = { accuracy: 0.9825, mean_absolute_error: null, p50: 1, p95: 1, p99: 1, throughput: 1 };
  const model = {
    name: 'digits-reservoir',
    comparison: { decision, legacy: side, cube: side },
    rounds,
    throughput: compareSpeeds(
      rounds.map(({ legacy, cube }) => ({ usual: 1 / legacy.perSecond, other: 1 / cube.perSecond })),
    ),
    p99: compareSpeeds(rounds.map(({ legacy, cube }) => ({ usual: legacy.p99, other: cube.p99 }))),
  } as unknown as ModelFigures;
  const pairs = Array.from({ length: 10 }, (_, place) => ({ usual: 36 + (place % 3), other: 37 }));
  const paired = {
    bareMillis: pairs.map(({ usual }) => usual),
    processMillis: pairs.map(({ other }) => other),
    speed: compareSpeeds(pairs),
  };
  return {
    options: { rounds: 3, seconds: 1, connections: 32 },
    models: [model],
    belowHttp: [
      // What one batch at a time costs is reported, and no goal.
      {
        name: 'digits-reservoir',
        alone: { ...paired, speed: { pairs: 10, ratio: 0.5, bound: 0.4 } },
        flowing: paired,
      },
    ],
    memory: { name: 'digits-reservoir', predictions: 10, loads: 1, bytes: [80, 100, 101, 102] },
    megabytes: { legacy: 1, cube: 2 },
    minutes: 1,
  };
}

test('the goals are reached by a cube that is faster beyond chance and answers equally well, and by no other', () => {
  const goals = (figures: AiFigures) =>
    renderAi(figures, [])
      .split('\n')
      .filter((line) => /\| (not )?reached \|/.test(line))
      .map((line) => !line.includes('not reached'));
  expect(goals(figuresOf(1000, 1400, 'activate'))).toEqual([true, true, true, true, true]);
  expect(goals(figuresOf(1000, 1200, 'activate'))).toEqual([false, true, true, true, true]);
  expect(goals(figuresOf(1000, 1050, 'activate'))).toEqual([false, false, true, true, true]);
  expect(goals(figuresOf(1000, 1400, 'accuracy_dropped'))).toEqual([false, false, true, true, true]);
});

test('memory that grows to the end is no goal reached', () => {
  const grows = {
    ...figuresOf(1000, 1400, 'activate'),
    memory: { name: 'm', predictions: 10, loads: 1, bytes: [80, 90, 100, 110] },
  };
  expect(renderAi(grows, [])).toMatch(/memory of a process of m .*1\.22 ×.*\| not reached \|/);
});

test('the part about moving models has each figure of both, and the memory after each round', () => {
  const round = { moved: 40, verified: 5, undone: 2, loop: 0.5 };
  const rounds = [round, { ...round, moved: 50 }, { ...round, moved: 60, loop: 1 }];
  const text = renderMoving({ models: 50, megabytes: 43.6, rounds, workerMegabytes: [120, 121, 119.6] }, [
    'Date: today.',
  ]);
  expect(text).toContain(
    '| 50, 44 MB | 50.00 (40.00–60.00) | 5.00 (5.00–5.00) | 2.00 (2.00–2.00) | 0.50 (0.50–1.00) |',
  );
  expect(text).toContain('after 50, 100, 150 imports: 120, 121, 120 MB.');
});
