import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway, TestUpstream } from '../support/gateway.js';

let legacy: TestUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  legacy = await TestUpstream.start('legacy');
  gateway = await startGateway({ legacy: { ai: legacy.url }, cubes: [] });
});
afterAll(async () => {
  await gateway.stop();
  await legacy.stop();
});

test.each([
  ['in one piece', (text: string): RequestInit => ({ body: text })],
  ['in chunks', (text: string) => ({ body: new Blob([text]).stream(), duplex: 'half' }) as RequestInit],
])('a body of a prediction has at most 16 MiB, %s', async (_, body) => {
  const predict = (bytes: number) =>
    fetch(`${gateway.url}/api/ai/models/m/predict`, { method: 'POST', ...body('a'.repeat(bytes)) });
  expect((await predict(16 * 1024 * 1024)).status).toBe(200);
  const refused = await predict(16 * 1024 * 1024 + 1);
  expect(refused.status).toBe(413);
  expect(await refused.json()).toMatchObject({ detail: 'The body is larger than 16 MiB.' });
});
