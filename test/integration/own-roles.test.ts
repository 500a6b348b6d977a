import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { markOwnRole, refuseForeignRoles } from '../../src/stack/servers/own-roles.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

let databases: TestDatabases;
let database: string;
const role = `r${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  databases = await createDatabases(0);
  database = new URL(databases.cubeUrl).pathname.slice(1);
});
afterAll(async () => {
  await databases.cube.query(`drop role if exists ${role}`);
  await databases.drop();
});

async function check(roles: readonly string[], name: string): Promise<void> {
  const client = await databases.cube.connect();
  try {
    await refuseForeignRoles(client, roles, name);
  } finally {
    client.release();
  }
}

test('a server without the roles, or with those that this program created, is accepted; another one is refused by name', async () => {
  await check([role], 'no_database');
  await databases.cube.query(`create role ${role} nologin`);
  const refused = {
    type: 'conflict',
    message: `The server has what cubeshift did not create there: role ${role}.`,
    safe: 'Nothing was changed: neither passwords nor rights.',
    hint: expect.stringContaining(`comment on role ${role} is 'created by cubeshift';`),
  };
  await expect(check([role], 'no_database')).rejects.toMatchObject(refused);
  await databases.cube.query(markOwnRole(role));
  await check([role], 'no_database');
});

test("a database of another role is refused, and one of the administrator's own is not", async () => {
  await check([], database);
  await databases.cube.query(`comment on role ${role} is null`);
  await databases.cube.query(`alter database ${database} owner to ${role}`);
  await expect(check([], database)).rejects.toMatchObject({
    message: `The server has what cubeshift did not create there: database ${database}.`,
  });
  await databases.cube.query(`alter database ${database} owner to current_user`);
});
