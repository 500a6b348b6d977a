#!/usr/bin/env node
// As much of redis-cli as the health check uses: `--user`, REDISCLI_AUTH and one command, at this container's server.
import { connect } from 'node:net';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ options: { user: { type: 'string' } }, allowPositionals: true });
const socket = connect({ host: '127.0.0.1', port: 6379 });
socket.on('error', (error) => {
  process.stderr.write(`Could not connect to Redis: ${error.message}\n`);
  process.exit(1);
});
socket.write(`AUTH ${values.user} ${process.env.REDISCLI_AUTH}\r\n${positionals.join(' ')}\r\nQUIT\r\n`);
socket.on('data', (chunk) => process.stdout.write(chunk));
