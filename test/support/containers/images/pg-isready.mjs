#!/usr/bin/env node
// As much of pg_isready as the health checks use: whether a server takes connections, whatever it thinks of this one.
import { parseArgs } from 'node:util';
import pg from 'pg';

const option = { type: 'string' };
const { values } = parseArgs({ options: { host: option, username: option, dbname: option } });
const client = new pg.Client({ host: values.host, user: values.username, database: values.dbname, password: '' });
client.on('error', () => undefined);
try {
  await client.connect();
} catch (error) {
  // The server starts or ends (57P03); nothing listens.
  if (error.code === '57P03') process.exit(1);
  if (error.code === 'ECONNREFUSED') process.exit(2);
}
process.exit(0);
