import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConverted } from '../../../../../src/kinds/rows/copy/read-converted.js';
import { sajuRecordsMapping as mapping } from '../../../../../src/kinds/saju-records/mapping.js';
import { clientSettings } from '../../../../../src/postgres/connect.js';
import { dropConnection } from '../../../../../src/postgres/databases.js';
import { copyStream, movedAt, sentRecord } from '../../../../support/copy-rows.js';
import { CopyServer } from '../../../../support/copy-server.js';
import { cleanRecord } from '../../../../support/legacy-records.js';

const rows = ['7', '8', '9'].map((id) => sentRecord({ ...cleanRecord, id }));
const stream = copyStream(...rows);
let server: CopyServer;
let client: pg.Client;

beforeAll(async () => {
  server = await CopyServer.start();
});
beforeEach(async () => {
  // That server knows COPY alone, and answers no statement that would pin a session.
  client = new pg.Client(clientSettings(server.url, { applicationName: 'cubeshift test' }));
  client.on('error', () => undefined);
  await client.connect();
});
afterEach(() => dropConnection(client));
afterAll(() => server.stop());

/** What a read gives before it ends, and with what it ends. */
async function read(): Promise<{ ids: bigint[]; error: unknown }> {
  const ids: bigint[] = [];
  try {
    for await (const group of readConverted(client, mapping, { kind: 'span', after: 0n, upto: 100n }, movedAt)) {
      ids.push(...group.map((row) => row.id));
    }
    return { ids, error: undefined };
  } catch (error) {
    return { ids, error };
  }
}

test('a read ends where the stream has its end, however it is cut into messages', async () => {
  for (const size of [1, 7, 150, stream.length]) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, place) =>
      stream.subarray(place * size, (place + 1) * size),
    );
    server.answer = { chunks, completes: true };
    expect(await read()).toEqual({ ids: [7n, 8n, 9n], error: undefined });
  }
});

test('a stream that stops short, at any byte, is a failure and never the end of the rows', async () => {
  for (let end = 0; end < stream.length; end++) {
    server.answer = { chunks: [stream.subarray(0, end)], completes: true };
    const { ids, error } = await read();
    expect(ids).toEqual([7n, 8n, 9n].slice(0, ids.length));
    expect(error).toMatchObject({
      name: 'Failure',
      type: 'unexpected',
      message: 'The legacy database broke off in the middle of a read.',
    });
  }
});

test('a connection that is lost behind the last row is no end either', async () => {
  server.answer = { chunks: [stream.subarray(0, -2)], completes: false };
  expect(await read()).toMatchObject({ error: { name: 'Failure', type: 'legacy_unreachable' } });
});
