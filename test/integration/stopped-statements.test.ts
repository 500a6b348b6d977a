import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabases } from '../../src/postgres/databases.js';
import { cancellable } from '../../src/postgres/stoppable.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { createRole } from '../support/roles.js';

let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(10);
});
afterAll(() => databases.drop());

test.each(['legacy', 'cube'] as const)(
  'what a step has the %s database do is cancelled also where its role becomes another at its login',
  async (side) => {
    const [owner, login] = [await createRole(databases[side]), await createRole(databases[side])];
    await databases[side].query(
      `grant ${owner.name} to ${login.name}; alter role ${login.name} set role to ${owner.name}`,
    );
    const { legacyUrl, cubeUrl } = databases;
    const urls = { legacyUrl, cubeUrl, [`${side}Url`]: login.url(databases[`${side}Url`]) };
    const opened = openDatabases(urls, 'cubeshift test', 2);
    const told = new AbortController();
    const step = cancellable(opened, told.signal);
    try {
      const client = await step.databases.connect(side, 'cubeshift test');
      const became = await client.query('select current_user::text as role');
      expect(became.rows).toEqual([{ role: owner.name }]);
      const begun = performance.now();
      const lasting = [client, step.databases[side]].map((at) => at.query('select pg_sleep(20)'));
      told.abort();
      for (const one of await Promise.allSettled(lasting))
        expect(one).toMatchObject({ status: 'rejected', reason: { code: '57014' } });
      expect(performance.now() - begun).toBeLessThan(10_000);
      await client.end();
    } finally {
      step.release();
      await opened.close();
      for (const role of [login, owner]) await role.drop();
    }
  },
);
