#!/usr/bin/env node
// As much of psql as the scripts of deploy/postgres use: `-v`, `--username`, `--dbname`, `\getenv`, :'name' and :"name".
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import pg from 'pg';

const { values } = parseArgs({
  options: {
    variable: { type: 'string', short: 'v', multiple: true, default: [] },
    username: { type: 'string' },
    dbname: { type: 'string' },
  },
});
const variables = new Map(values.variable.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
const lines = (await text(process.stdin)).split('\n');
for (const line of lines) {
  const [, name, variable] = /^\\getenv (\w+) (\w+)$/.exec(line) ?? [];
  if (name !== undefined) variables.set(name, process.env[variable]);
}
const sql = lines
  .filter((line) => !line.startsWith('\\'))
  .join('\n')
  .replace(/:'(\w+)'/g, (_, name) => pg.escapeLiteral(variables.get(name)))
  .replace(/:"(\w+)"/g, (_, name) => pg.escapeIdentifier(variables.get(name)));
const client = new pg.Client({ host: '/var/run/postgresql', user: values.username, database: values.dbname });
try {
  await client.connect();
  await client.query(sql);
  await client.end();
} catch (error) {
  process.stderr.write(`psql: ${error.message}\n`);
  process.exit(3);
}
