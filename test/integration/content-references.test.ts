import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationKinds } from '../../src/domain/catalog.js';
import { referringColumns, storingKinds } from '../../src/domain/contents.js';
import { trafficNameOfKind } from '../../src/domain/cubes.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { referencedContents, referencesOf } from '../../src/storage/content-references.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';

/** What names contents of the store: by the catalogue of kinds, and by the view that their migrations make. */
let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
});
afterAll(() => databases.drop());

test('each column that the view reads of a kind’s cube is declared by the kind, and each that a kind declares is in the view', async () => {
  const { rows } = await databases.cube.query<{ schema: string; table: string; column: string }>(
    `select distinct nspname as schema, relname as table, attname as column from pg_rewrite
       join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid and refclassid = 'pg_class'::regclass
       join pg_class on pg_class.oid = refobjid join pg_namespace on pg_namespace.oid = relnamespace
       join pg_attribute on attrelid = refobjid and attnum = refobjsubid
      where ev_class = 'storage.referenced'::regclass and nspname <> 'storage' order by 1, 2, 3`,
  );
  const schemas = new Set<string>(migrationKinds.map(trafficNameOfKind));
  const named = ({ schema, table, column }: { schema: string; table: string; column: string }) =>
    `${schema}.${table}.${column}`;
  expect(rows.filter(({ schema }) => schemas.has(schema)).map(named)).toEqual(referringColumns.map(named).sort());
});

test('each reference is found, one a row, also in what is no object', async () => {
  const { cube } = databases;
  await cube.query(`insert into ai.models (id, name) values (1, 'model')`);
  const insert = (sha256: string, files: unknown) =>
    cube.query(
      `insert into ai.model_versions (model_id, form, sha256, source_sha256, files, state) values (1, 'float', $1, 'source', $2, 'imported')`,
      [sha256, JSON.stringify(files)],
    );
  await insert('a', { x: 'b', y: 'c' });
  await insert('d', null);
  await insert('e', ['f']);
  await cube.query(`insert into storage.intended (owner, sha256) values ('ai-models/1', repeat('0', 64))`);
  const found = async (sql: string) => {
    const { rows } = await cube.query<{ sha256: string }>(`select distinct sha256 from (${sql}) as found order by 1`);
    return rows.map(({ sha256 }) => sha256);
  };
  expect(await found(referencesOf('ai-models'))).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await found(referencedContents)).toEqual(['0'.repeat(64), 'a', 'b', 'c', 'd', 'e']);
  expect(storingKinds).toContain('ai-models');
});
