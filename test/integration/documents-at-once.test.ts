import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { DocumentsStack } from '../support/documents-stack.js';

/** Many small documents at once while users download. `CUBESHIFT_DOCUMENTS=1000` makes it a thousand. */
const documents = Number(process.env.CUBESHIFT_DOCUMENTS ?? 100);
const limit = 60_000 + documents * 1500;
let stack: DocumentsStack;
beforeAll(async () => {
  stack = await DocumentsStack.start();
});
afterAll(() => stack.stop());

test('many documents at once are all read, each once, while users download undisturbed', {
  timeout: limit,
}, async () => {
  const ids: number[] = [];
  for (let at = 0; at < documents; at++) {
    const id = await stack.services.addFile(`many/${at}.txt`, Buffer.from(`문서 ${at}`), { mimeType: 'text/plain' });
    ids.push(Number(id));
  }
  const broken = Number(await stack.services.addFile('many/broken.pdf', Buffer.from('%PDF-1.4\nnothing')));
  const left = [...ids, broken];
  const requestAll = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await stack.request(id, 'text');
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: 8 }, requestAll));
  const requested = performance.now();
  let over = false;
  const millis: number[] = [];
  const download = async () => {
    for (let at = 0; !over; at = (at + 1) % documents) {
      const start = performance.now();
      const answer = await stack.call('GET', `/files/${ids[at]}`);
      millis.push(performance.now() - start);
      expect(answer.status).toBe(200);
      const content = await stack.content(ids[at] ?? 0);
      expect(content).toBe(`문서 ${at}`);
    }
  };
  const downloading = Promise.all([download(), download()]);
  downloading.catch(() => undefined);
  const { cube, legacy } = stack.services.databases;
  const open = async () => {
    const text = `select count(*)::int as open from paperwork.processing where state not in ('done', 'failed')`;
    return (await cube.query<{ open: number }>(text)).rows[0]?.open;
  };
  await until('all to have ended', async () => (await open()) === 0, limit);
  const ended = performance.now();
  over = true;
  await downloading;
  const found = await legacy.query(
    `select file_id::int as id, count(*)::int as results, min(result ->> 'text') as text from paperwork_results
      where kind = 'text' and file_id = any ($1) group by 1 order by 1`,
    [[...ids, broken]],
  );
  expect(found.rows).toEqual(ids.map((id, at) => ({ id, results: 1, text: `문서 ${at}` })));
  expect(await stack.view(broken, 'text')).toMatchObject({ state: 'failed', reason: 'document_damaged' });
  millis.sort((a, b) => a - b);
  const middle = millis[Math.floor(millis.length / 2)] ?? 0;
  process.stderr.write(
    `${documents} documents requested in ${seconds(requested - began)}, read in ${seconds(ended - began)}; ${millis.length} downloads, half of them within ${middle.toFixed(0)} ms\n`,
  );
});

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}
