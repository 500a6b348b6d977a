import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DocumentsWorker } from '../support/documents-worker.js';
import { paperworkToken } from '../support/paperwork-cube-here.js';
import { type PaperworkServices, startPaperworkServices } from '../support/paperwork-services.js';

let services: PaperworkServices;
let worker: DocumentsWorker;
beforeAll(async () => {
  services = await startPaperworkServices();
  const { databases, folder, storeFolder } = services;
  worker = await DocumentsWorker.start({ ...databases, folder, storeFolder });
}, 60_000);
afterAll(async () => {
  await worker.end();
  await services.close();
});

async function call(
  method: string,
  path: string,
  body?: object | FormData,
): Promise<{ status: number; body: unknown }> {
  const isForm = body instanceof FormData;
  const answer = await fetch(`${services.urls.cube}${path}`, {
    method,
    headers: {
      'x-cube-token': paperworkToken(),
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

async function upload(name: string, content: string | Buffer): Promise<number> {
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(Buffer.from(content))]), name);
  const { status, body } = await call('POST', '/files', form);
  expect(status).toBe(201);
  return (body as { id: number }).id;
}

const state = async (id: number, kind: string) => (await call('GET', `/files/${id}/process/${kind}`)).body;

describe('a document that a user uploads', () => {
  test('is read as text', async () => {
    const id = await upload('글.txt', '첫째 쪽\f둘째 쪽');
    const accepted = await call('POST', `/files/${id}/process`, { kind: 'text' });
    expect(accepted).toEqual({
      status: 202,
      body: { kind: 'text', state: 'queued', page: null, pages: null, reason: null },
    });
    await expect
      .poll(() => state(id, 'text'), { timeout: 30_000 })
      .toEqual({ kind: 'text', state: 'done', page: 2, pages: 2, reason: null });
    const { body } = await call('GET', `/files/${id}/results`);
    expect(body).toMatchObject({
      items: [{ kind: 'text', result: { text: '첫째 쪽\f둘째 쪽', made_by: expect.stringMatching(/utf-8/) } }],
    });
  });
});
