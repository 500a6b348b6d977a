import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { type Registration, registerInstance } from '../../src/registry/instances.js';
import { type AiServices, startAiServices } from '../support/ai-services.js';
import { until } from '../support/conditions.js';
import { expectFailed, failuresAt } from '../support/document-failures.js';
import { DocumentsStack } from '../support/documents-stack.js';
import { testSecret } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';
import { pictureOf } from '../support/scanned-text.js';
import { TcpProxy } from '../support/tcp-proxy.js';

/** Documents that the AI cube classifies. */
let redis: OwnRedis;
let connection: RedisConnection;
let ai: AiServices;
let stack: DocumentsStack;
/** Between the documents worker and the AI cube. */
let network: TcpProxy;
let registration: Registration;

beforeAll(async () => {
  redis = await OwnRedis.start();
  connection = connectRedis(redis.url, { onError: () => undefined });
  ai = await startAiServices();
  network = await TcpProxy.before(ai.urls.cube);
  registration = registerInstance(
    connection,
    { cube_id: 'ai-cube', instance_id: 'one', url: network.url, version: '1', state: 'ready', started_at: Date.now() },
    { secret: () => testSecret },
  );
  stack = await DocumentsStack.start({ redisUrl: redis.url });
});
afterAll(async () => {
  await stack.stop();
  await registration.close();
  await network.close();
  await ai.close();
  connection.disconnect();
  await redis.stop();
});

const contract =
  '한빛상사(이하 갑)과 청솔물산(이하 을)은 복사용지 공급에 관하여 다음과 같이 약정한다. 을은 갑의 서면 동의 없이 이 계약상의 권리와 의무를 제삼자에게 양도할 수 없다. 당사자가 의무를 이행하지 아니한 때에는 상대방은 계약을 해지할 수 있다.';

test('a document gets the class of its text, and says which model and library made it', async () => {
  await ai.move('korean-documents');
  const { view, results } = await stack.processed('계약.txt', contract, 'classify');
  expect(view).toEqual({ kind: 'classify', state: 'done', page: 1, pages: 1, reason: null });
  expect(results).toEqual([
    {
      id: expect.any(Number),
      kind: 'classify',
      created_at: expect.any(String),
      result: {
        label: 'contract',
        model: 'korean-documents',
        version: '문서 1.2',
        made_by: expect.stringMatching(/^korean-documents 문서 1\.2; Node\.js /),
      },
    },
  ]);
});

test('a picture is read first', async () => {
  const { view, results } = await stack.processed('scan.png', pictureOf(['Invoice number 2042', 'Seoul']), 'classify');
  expect(view).toMatchObject({ state: 'done', page: 1, pages: 1 });
  expect(results).toMatchObject([
    { result: { label: expect.any(String), made_by: expect.stringContaining('tesseract.js') } },
  ]);
});

test('a text that is empty has no class', async () => {
  const { view } = await stack.processed('empty.txt', ' ', 'classify');
  expect(view).toMatchObject({ state: 'failed', reason: 'text_missing' });
});

test('with the AI cube away it waits, says so, and goes on once it is back', { timeout: 180_000 }, async () => {
  network.refuse();
  const id = await stack.upload('waits.txt', contract);
  await stack.request(id, 'classify');
  expect(await stack.reaches(id, 'classify', 'waiting')).toMatchObject({ page: 1, pages: 1, reason: 'ai_cube_away' });
  await until('the page of the plan to say so', async () =>
    (await stack.details(id, 'classify')).includes('ai_cube_away'),
  );
  // Others are read meanwhile.
  expect((await stack.processed('other.txt', 'x', 'text')).view.state).toBe('done');
  network.heal();
  await stack.reaches(id, 'classify', 'done');
  expect(await stack.results(id)).toMatchObject([{ result: { label: 'contract' } }]);
});

test.each(failuresAt('documents-classified'))(
  'one that is not classified fails, and says why: %s',
  async (reason, bring) => {
    await expectFailed({ stack }, reason, await bring({ stack, ai }));
  },
);
