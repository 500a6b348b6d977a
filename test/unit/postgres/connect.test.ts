import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { clientSettings, quoteIdentifier } from '../../../src/postgres/connect.js';

test('a quoted identifier is one token, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const quoted = quoteIdentifier(name);
      expect(quoted).toMatch(/^"(?:[^"]|"")*"$/u);
      expect(quoted.slice(1, -1).replaceAll('""', '"')).toBe(name);
    }),
  );
});

test('the parts of a name are quoted apart', () => {
  expect(quoteIdentifier('saju', 'charts')).toBe('"saju"."charts"');
  expect(quoteIdentifier('a.b', 'c"; drop table x; --')).toBe('"a.b"."c""; drop table x; --"');
});

describe('how a connection is begun', () => {
  const urls = [
    'postgres://h/d',
    'postgres://u:p%40@[::1]:5433/d?sslmode=disable',
    'postgres://u@h/d?sslmode=no-verify',
    'postgres://u@h/d?ssl=true&sslnegotiation=direct',
  ];
  afterEach(() => vi.unstubAllEnvs());

  test.each(urls)('%s means the same whatever PG variables the shell has', (url) => {
    const expected = begun(url);
    for (const name of pgVariables)
      vi.stubEnv(name, name === 'PGPORT' ? '1' : name === 'PGSSLMODE' ? 'prefer' : 'database');
    expect(begun(url)).toEqual(expected);
    // Only this one is read, and used for nothing.
    expect(variablesRead(() => begun(url))).toEqual(['PGBINARY']);
  });

  test('a password is the URL’s or none: neither PGPASSWORD nor ~/.pgpass has a say', async () => {
    vi.stubEnv('PGPASSWORD', 'not-this-one');
    const { password } = clientSettings('postgres://u@h/d', { applicationName: 'bulk' });
    expect(typeof password === 'function' ? await password() : password).toBe('');
  });

  test.each([
    'application_name',
    'options',
    'statement_timeout',
    'lock_timeout',
    'client_encoding',
    'replication',
    'query_timeout',
    'binary',
  ])('a URL has no say in %s', (name) => {
    expect(begun(`postgres://u:p@h:5433/d?sslmode=disable&${name}=database`)).toEqual(begun('postgres://u:p@h:5433/d'));
  });

  test('a URL decides where the server is and how it is spoken to', () => {
    const authority = join(import.meta.dirname, '../../data/tls/authority.pem');
    expect(begun(`postgres://h/d?host=/run/pg&port=5433&user=a&password=b`)).toMatchObject({
      host: '/run/pg',
      port: 5433,
      user: 'a',
      password: 'b',
      ssl: false,
    });
    expect(begun(`postgres://h/d?sslmode=verify-full&sslrootcert=${authority}`)).toMatchObject({
      ssl: { ca: readFileSync(authority, 'utf8') },
    });
  });

  test('a file that a URL names and that is not there is named', () => {
    expect(() => begun('postgres://h/d?sslrootcert=/nowhere/ca.pem')).toThrow(
      expect.objectContaining({
        type: 'configuration_invalid',
        message: 'The file /nowhere/ca.pem, which a PostgreSQL URL names, cannot be read.',
      }),
    );
  });
});

/** https://www.postgresql.org/docs/18/libpq-envars.html, and what the driver makes of its own settings' names. */
const pgVariables = `PGHOST PGSSLNEGOTIATION PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGREQUIREAUTH
  PGCHANNELBINDING PGSERVICE PGSERVICEFILE PGOPTIONS PGAPPNAME PGSSLMODE PGREQUIRESSL PGSSLCOMPRESSION PGSSLCERT PGSSLKEY
  PGSSLROOTCERT PGSSLCRL PGCONNECT_TIMEOUT PGCLIENT_ENCODING PGTARGETSESSIONATTRS PGLOADBALANCEHOSTS PGDATESTYLE PGTZ
  PGREPLICATION PGBINARY`.split(/\s+/);

/** What the driver makes of our settings: what it sends to the server and where it sends it. */
function begun(url: string) {
  const client = new pg.Client(clientSettings(url, { applicationName: 'bulk' }));
  const { host, port, user, database, ssl } = client;
  const password = typeof client.password === 'function' ? undefined : client.password;
  const inner = client as unknown as { sslNegotiation: string; getStartupConf(): object };
  return {
    host,
    port,
    user,
    database,
    password,
    ssl,
    negotiation: inner.sslNegotiation,
    startup: inner.getStartupConf(),
  };
}

function variablesRead(work: () => unknown): readonly string[] {
  const read = new Set<string>();
  const env = process.env;
  process.env = new Proxy(env, {
    get: (target, name) => {
      if (typeof name === 'string' && name.startsWith('PG')) read.add(name);
      return Reflect.get(target, name) as unknown;
    },
  });
  try {
    work();
  } finally {
    process.env = env;
  }
  return [...read];
}
