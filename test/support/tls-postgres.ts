import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { packageRoot } from '../../src/base/package-root.js';
import { until } from './conditions.js';

const folder = join(packageRoot(), 'test', 'data', 'tls');
/** PEM file of the authority that signed the certificate of `offerTls`. */
export const authorityFile = join(folder, 'authority.pem');

/**
 * Makes a PostgreSQL speak TLS too, and judge some roles by lines of their own in pg_hba.conf. All over SQL, as its
 * superuser may: files come by COPY, and belong to the server. Other clients notice nothing. Returns how to undo the lines.
 */
export async function offerTls(superuserUrl: string, hbaLines: readonly string[]): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  const setting = async (name: string) => (await client.query(`show ${name}`)).rows[0][name] as string;
  const data = await setting('data_directory');
  const hba = await setting('hba_file');
  const usual =
    (await client.query<{ content: string }>('select pg_read_file($1) as content', [hba])).rows[0]?.content ?? '';
  for (const name of ['server.key', 'server.pem'])
    await write(client, join(data, name), readFileSync(join(folder, name), 'utf8'));
  await write(client, hba, [...hbaLines, usual].join('\n'));
  await client.query("alter system set ssl_cert_file = 'server.pem'");
  await client.query("alter system set ssl_key_file = 'server.key'");
  await client.query('alter system set ssl = on');
  await client.query('select pg_reload_conf()');
  await until('the server to offer TLS', async () => (await setting('ssl')) === 'on');
  return async () => {
    await write(client, hba, usual);
    await client.query('select pg_reload_conf()');
    await client.end();
  };
}

/** By a program of the server, since a file that COPY makes itself may be read by all; it writes each backslash twice: there is none. */
async function write(client: pg.Client, file: string, content: string): Promise<void> {
  const lines = content
    .trimEnd()
    .split('\n')
    .map((line) => pg.escapeLiteral(line.replaceAll('\t', ' ')));
  await client.query(
    `copy (select line from unnest(array[${lines.join(',')}]) as line) to program ${pg.escapeLiteral(`umask 077; cat > '${file}'`)}`,
  );
}
