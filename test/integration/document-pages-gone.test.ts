import { renameSync } from 'node:fs';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDocumentSteps, type DocumentSteps } from '../../src/activities/document-steps.js';
import { DocumentPool } from '../../src/documents/document-pool.js';
import type { ProcessRequest } from '../../src/domain/paperwork/processing-request.js';
import { createFindFile } from '../../src/paperwork/find-file.js';
import { createProcessingOutbox } from '../../src/paperwork/processing-outbox.js';
import { createProcessingRecords, type ProcessingRecords } from '../../src/paperwork/processing-records.js';
import { createProcessingRequests, type ProcessingRequests } from '../../src/paperwork/processing-requests.js';
import { ResultWriter } from '../../src/paperwork/processing-result.js';
import { createStoredFiles } from '../../src/paperwork/stored-files.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { type PaperworkServices, startPaperworkServices } from '../support/paperwork-services.js';

/** Documents that lose their pages, or what these are read from, between two steps. */
const sliceMillis = 20;
const content = 'first\fsecond\fthird';
let services: PaperworkServices;
let requests: ProcessingRequests;
let records: ProcessingRecords;
let pool: DocumentPool;
let steps: DocumentSteps;
/** Pages that were read, and why the store could not give a content. */
const read: number[] = [];
const missed: string[] = [];

beforeAll(async () => {
  services = await startPaperworkServices();
  const { databases, folder, storeFolder } = services;
  requests = createProcessingRequests(databases.cube);
  records = createProcessingRecords(databases.cube);
  pool = new DocumentPool({ processes: 1 });
  steps = createDocumentSteps({
    records,
    findFile: createFindFile(databases.legacy),
    places: {
      folder: { path: folder, variable: 'LEGACY_STORAGE_DIR' },
      store: createFolderStore(storeFolder),
      stored: createStoredFiles(databases.cube),
      onMissed: (error) => missed.push(String(error)),
    },
    pool,
    // Each page takes a slice.
    reach: (point) => {
      if (point === 'before-page-kept') for (const end = performance.now() + sliceMillis; performance.now() < end; );
    },
    sliceMillis,
    results: new ResultWriter(databases.legacy, records, () => undefined),
    classify: () => expect.fail('nothing is classified'),
  });
  const open = pool.open.bind(pool);
  pool.open = async (...args) => {
    const document = await open(...args);
    const readPage = document.readPage.bind(document);
    return Object.assign(document, {
      readPage: (page: number) => {
        read.push(page);
        return readPage(page);
      },
    });
  };
});
afterAll(async () => {
  await pool?.close();
  await services?.close();
});

async function requested(name: string, { isStored = false } = {}): Promise<ProcessRequest> {
  read.length = 0;
  missed.length = 0;
  const fileId = await services.addFile(name, Buffer.from(content));
  if (isStored) await services.move(fileId);
  await requests.request(fileId, 'text');
  const found = await createProcessingOutbox(services.databases.cube).undispatched(100);
  return found.find((request) => request.fileId === fileId) ?? expect.fail('there is no request');
}

const run = <T>(
  step: (request: ProcessRequest, isWaiting: boolean) => Promise<T>,
  request: ProcessRequest,
  waits = false,
) => new MockActivityEnvironment().run(step, request, waits);

async function resultOf({ fileId }: ProcessRequest) {
  const { legacy } = services.databases;
  const found = await legacy.query(`select result ->> 'text' as text from paperwork_results where file_id = $1`, [
    fileId,
  ]);
  return found.rows;
}

describe('between two pages of a document', () => {
  test('legacy’s folder goes away: it waits, says so, and goes on without reading a kept page again', async () => {
    // Also where the content is in the store: only the file says whether it is still that one.
    const request = await requested('folder.txt', { isStored: true });
    const { fileId } = request;
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page: 1, pages: 3 });
    renameSync(services.folder, `${services.folder}.away`);
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'waits', reason: 'files_away' });
    expect(await requests.view(fileId, 'text')).toEqual({
      kind: 'text',
      state: 'waiting',
      page: 1,
      pages: 3,
      reason: 'files_away',
    });
    await expect(run(steps.readDocument, request, true)).rejects.toMatchObject({
      type: 'legacy_files_unreachable',
      nonRetryable: false,
    });
    renameSync(`${services.folder}.away`, services.folder);
    expect(await run(steps.readDocument, request, true)).toEqual({ kind: 'read', page: 2, pages: 3 });
    expect(await requests.view(fileId, 'text')).toMatchObject({ state: 'running', page: 2, reason: null });
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page: 3, pages: 3 });
    expect(await run(steps.recordResult, request)).toEqual({ kind: 'done' });
    expect(read).toEqual([1, 2, 3]);
    expect(await resultOf(request)).toEqual([{ text: content }]);
  });

  test('the store goes away: it goes on out of legacy’s folder', async () => {
    const request = await requested('store.txt', { isStored: true });
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page: 1, pages: 3 });
    expect(missed).toEqual([]);
    renameSync(services.storeFolder, `${services.storeFolder}.away`);
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page: 2, pages: 3 });
    expect(missed).toEqual([expect.stringContaining('Nothing was ever stored in')]);
    renameSync(`${services.storeFolder}.away`, services.storeFolder);
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page: 3, pages: 3 });
    expect(await run(steps.recordResult, request)).toEqual({ kind: 'done' });
    expect([read, missed.length]).toEqual([[1, 2, 3], 1]);
    expect(await resultOf(request)).toEqual([{ text: content }]);
  });

  test('its pages go away: it gets no result, and is read again', async () => {
    const request = await requested('pages.txt');
    expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page: 1, pages: 3 });
    expect(await run(steps.recordResult, request)).toEqual({ kind: 'read_again' });
    expect(await records.find(request)).toMatchObject({ page: null, pages: null, reading: 'text' });
    expect([await records.pages(request), await resultOf(request)]).toEqual([[], []]);
    for (const page of [1, 2, 3])
      expect(await run(steps.readDocument, request)).toEqual({ kind: 'read', page, pages: 3 });
    expect(await run(steps.recordResult, request)).toEqual({ kind: 'done' });
    expect(await resultOf(request)).toEqual([{ text: content }]);
  });
});
