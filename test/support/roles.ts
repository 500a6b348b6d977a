import { randomBytes } from 'node:crypto';
import type pg from 'pg';

/** A login role of a test, without any right of its own. */
export interface TestRole {
  readonly name: string;
  /** The database URL with this role's name and password. */
  url(databaseUrl: string): string;
  /** Takes the role off the server; it must own nothing any more outside of `pool`'s database. */
  drop(): Promise<void>;
}

export async function createRole(pool: pg.Pool): Promise<TestRole> {
  const name = `r${randomBytes(6).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  await pool.query(`create role ${name} login password '${password}'`);
  return {
    name,
    url: (databaseUrl) => {
      const url = new URL(databaseUrl);
      url.username = name;
      url.password = password;
      return url.href;
    },
    drop: async () => {
      await pool.query(`drop owned by ${name} cascade`);
      await pool.query(`drop role ${name}`);
    },
  };
}
