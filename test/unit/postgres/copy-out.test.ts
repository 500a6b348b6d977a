import { once } from 'node:events';
import fc from 'fast-check';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectClient } from '../../../src/postgres/connect.js';
import { CopyDataUnwrapper, CopyOut } from '../../../src/postgres/copy-out.js';
import { dropConnection } from '../../../src/postgres/databases.js';
import { big } from '../../support/copy-rows.js';
import { createDatabases, type TestDatabases } from '../../support/databases.js';

const message = (kind: string, content: Buffer) =>
  Buffer.concat([Buffer.from(kind), big(4, content.length + 4), content]);

/** What a connection carries during a COPY: its answer, data with asides between, and what follows. */
const sent = fc.record({
  messages: fc.array(
    fc.record({ kind: fc.constantFrom('d', 'd', 'd', 'N', 'S', 'A', 'H'), content: fc.uint8Array({ maxLength: 40 }) }),
  ),
  rest: fc.constantFrom('c', 'E', 'C', 'Z').map((kind) => message(kind, Buffer.from('behind'))),
});

describe('the unwrapped bytes', () => {
  test('are those of the data messages, however the connection is torn, up to the first other message', () => {
    fc.assert(
      fc.property(sent, fc.array(fc.nat()), ({ messages, rest }, cuts) => {
        const contents = messages.map(({ kind, content }) => ({ kind, content: Buffer.from(content) }));
        const stream = Buffer.concat([...contents.map(({ kind, content }) => message(kind, content)), rest]);
        const places = cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
        const unwrapper = new CopyDataUnwrapper();
        const data: Buffer[] = [];
        const behind: Buffer[] = [];
        for (const [place, start] of [0, ...places].entries()) {
          // A copy: the unwrapper moves bytes within what it is given.
          const chunk = Buffer.from(stream.subarray(start, places[place] ?? stream.length));
          if (behind.length > 0) {
            behind.push(chunk);
            continue;
          }
          const found = unwrapper.push(chunk);
          data.push(Buffer.from(found.data));
          if (found.rest !== undefined) behind.push(found.rest);
        }
        const wanted = contents.filter(({ kind }) => kind === 'd').map(({ content }) => content);
        expect(Buffer.concat(data)).toEqual(Buffer.concat(wanted));
        expect(Buffer.concat(behind)).toEqual(rest);
      }),
    );
  });

  test('of a message larger than many chunks come once it is whole', () => {
    const content = Buffer.alloc(1_000_000, 'x');
    const stream = message('d', content);
    const unwrapper = new CopyDataUnwrapper();
    for (let start = 0; start < stream.length; start += 1000) {
      const { data } = unwrapper.push(Buffer.from(stream.subarray(start, start + 1000)));
      expect(data.length).toBe(start + 1000 < stream.length ? 0 : content.length);
    }
  });
});

describe('a COPY', () => {
  let databases: TestDatabases;
  let client: pg.Client;

  beforeEach(async () => {
    databases = await createDatabases(0);
    client = await connectClient(databases.legacyUrl, { applicationName: 'cubeshift test' });
  });
  afterEach(async () => {
    await dropConnection(client);
    await databases.drop();
  });

  const copyOf = (rows: number, wide = 100) =>
    new CopyOut(`copy (select g, repeat('x', ${wide}) from generate_series(1, ${rows}) g) to stdout (format text)`);

  test('gives every byte in order, and the connection serves again when it is over', async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of client.query(copyOf(20_000))) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().split('\n');
    expect(lines).toHaveLength(20_001);
    expect(lines.slice(0, -1).every((line, place) => line === `${place + 1}\t${'x'.repeat(100)}`)).toBe(true);
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('waits for its reader, and keeps next to nothing meanwhile', async () => {
    const before = process.memoryUsage();
    const taken = client.query(copyOf(200_000, 1000))[Symbol.asyncIterator]();
    await taken.next();
    // Legacy goes on sending for as long as it can: until its backend waits for this end.
    await waitUntilSenderWaits();
    const grown = process.memoryUsage().external + process.memoryUsage().arrayBuffers;
    expect(grown - before.external - before.arrayBuffers).toBeLessThan(20_000_000);
    let bytes = 0;
    for (let next = await taken.next(); next.done !== true; next = await taken.next()) bytes += next.value.length;
    expect(bytes).toBeGreaterThan(200_000_000);
  });

  test('that fails on the way fails with the server’s error, and the connection serves again', async () => {
    const statement = `copy (select 1 / (5000 - g), repeat('x', 100) from generate_series(1, 10000) g) to stdout`;
    const read = async () => {
      for await (const chunk of client.query(new CopyOut(statement))) expect(chunk.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toMatchObject({ code: '22012' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  test('that cannot begin fails with the server’s error', async () => {
    const read = async () => {
      for await (const _ of client.query(new CopyOut('copy (select * from no_such_table) to stdout')))
        throw new Error();
    };
    await expect(read()).rejects.toMatchObject({ code: '42P01' });
  });

  test('whose connection is cut fails, and is never taken for complete', async () => {
    const read = async () => {
      for await (const chunk of client.query(copyOf(500_000, 500))) {
        expect(chunk.length).toBeGreaterThan(0);
        const backend = await databases.legacy.query<{ pid: number }>(
          `select pid from pg_stat_activity where datname = current_database() and query like 'copy (select g%'`,
        );
        for (const { pid } of backend.rows) await databases.legacy.query('select pg_terminate_backend($1)', [pid]);
      }
    };
    client.on('error', () => undefined);
    await expect(read()).rejects.toThrow();
  });

  test('that is left early leaves a connection that can be dropped at once', async () => {
    for await (const chunk of client.query(copyOf(2_000_000, 500))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    const closed = once(client, 'end');
    await dropConnection(client);
    await closed;
  });

  async function waitUntilSenderWaits(): Promise<void> {
    await expect
      .poll(async () => {
        const found = await databases.legacy.query<{ event: string | null }>(
          `select wait_event as event from pg_stat_activity where datname = current_database() and query like 'copy (select g%'`,
        );
        return found.rows[0]?.event;
      })
      .toBe('ClientWrite');
  }

  test('that is left in the middle ends its connection, and what still comes is not read', async () => {
    const ended = new Promise((resolve) => client.once('end', resolve));
    for await (const chunk of client.query(copyOf(500_000, 500))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await ended;
    await expect(client.query('select 1')).rejects.toThrow();
  });
});
