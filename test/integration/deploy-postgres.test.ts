import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createDatabase, dropDatabase } from '../support/databases.js';

/** The scripts that make roles in the images' PostgreSQL servers. */
const folder = join(import.meta.dirname, '../../deploy/postgres');
const scripts = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);

test.each(scripts)('%s has no password on a command line, which all users of the machine can read', (_, script) => {
  const [commands = '', sql = ''] = script.split("<<'SQL'\n");
  expect(commands).not.toMatch(/password/i);
  expect(sql).toMatch(/^\\getenv password \w+_PASSWORD\n/);
});

test('the saju cube gets its rights with its table, and at the making of no other', async () => {
  const name = `saju_cube_${randomBytes(4).toString('hex')}`;
  const url = await createDatabase(inject('servers').legacyUrl, name);
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(statementsOf('saju-cube.sh', { role: name, database: name }));
    const may = async () => {
      const { rows } = await client.query<{ may: boolean; counts: boolean }>(
        `select has_table_privilege($1, 'public.saju_records', 'select, insert, update, delete') as may,
                has_sequence_privilege($1, 'public.saju_records_id_seq', 'usage') as counts`,
        [name],
      );
      return rows;
    };
    await client.query('create table public.before (id int)');
    await client.query('create table public.saju_records (id bigserial primary key)');
    expect(await may()).toEqual([{ may: true, counts: true }]);
    await client.query(`revoke all on public.saju_records from ${name}`);
    await client.query(`revoke all on public.saju_records_id_seq from ${name}`);
    await client.query('create table public.another (id bigserial)');
    expect(await may()).toEqual([{ may: false, counts: false }]);
  } finally {
    await client.end();
    await dropDatabase(inject('servers').legacyUrl, name);
    await dropRole(name);
  }
});

/** A script's statements for a role of its own, as psql would send them. */
function statementsOf(script: string, { role, database }: { role: string; database: string }): string {
  const sql = /<<'SQL'\n\\getenv [^\n]*\n(.*)^SQL$/ms.exec(readFileSync(join(folder, script), 'utf8'))?.[1] ?? '';
  return sql
    .replaceAll(/\bsaju_cube\b/g, role)
    .replaceAll(":'password'", `'${role}'`)
    .replaceAll(':"database"', pg.escapeIdentifier(database));
}

async function dropRole(name: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('servers').legacyUrl });
  await client.connect();
  await client.query(`drop role if exists ${name}`).finally(() => client.end());
}
