import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocumentSteps, type DocumentDependencies } from '../../src/activities/document-steps.js';
import { createProcessingOutbox } from '../../src/paperwork/processing-outbox.js';
import { createProcessingRecords, type ProcessingRecords } from '../../src/paperwork/processing-records.js';
import { createProcessingRequests } from '../../src/paperwork/processing-requests.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

let databases: TestDatabases;
let records: ProcessingRecords;
beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
  records = createProcessingRecords(databases.cube);
});
afterAll(() => databases.drop());

test('a document of which not every page is kept gets no result: it is read again', async () => {
  await createProcessingRequests(databases.cube).request('7', 'text');
  const [request] = await createProcessingOutbox(databases.cube).undispatched(1);
  if (request === undefined) throw new Error('there is no request');
  await records.begin(request, { reading: 'text', content: 'a'.repeat(64), method: 'test', pages: 2 });
  await records.keepPage(request, { content: 'a'.repeat(64), method: 'test' }, 1, { text: 'first' });

  const written: unknown[] = [];
  const steps = createDocumentSteps({
    records,
    results: {
      write: async (...result: unknown[]) => {
        written.push(result);
        return 'written';
      },
    },
  } as unknown as DocumentDependencies);
  const outcome = await new MockActivityEnvironment().run(steps.recordResult, request, false);
  expect(outcome).toEqual({ kind: 'read_again' });
  expect(written).toEqual([]);
  expect(await records.find(request)).toMatchObject({ page: null, pages: null, reading: 'text' });
  expect(await records.pages(request)).toEqual([]);
});
