// Loaded in front of the paperwork cube (`--import`): writes each side effect of an upload to VICTIM_TRACE before it happens, and kills the
// process before the one whose number is VICTIM_KILL_AT; 0 is none.
import { appendFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { ServerResponse } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

const { VICTIM_TRACE: traceFile, VICTIM_KILL_AT: killAt } = process.env;
let effects = 0;
let last = '';

function effect(name) {
  effects++;
  last = name;
  if (effects === Number(killAt)) process.kill(process.pid, 'SIGKILL');
  appendFileSync(traceFile, `${name}\n`);
}

const { open } = promises;
const probe = await open('/dev/null');
const handles = Object.getPrototypeOf(probe);
await probe.close();

for (const name of ['mkdir', 'link', 'unlink', 'rmdir']) {
  const real = promises[name];
  promises[name] = (...args) => {
    effect(name);
    return real(...args);
  };
}
promises.open = (path, flags, ...rest) => {
  if (flags === 'wx') effect('create');
  return open(path, flags, ...rest);
};
for (const name of ['writeFile', 'sync', 'datasync']) {
  const real = handles[name];
  handles[name] = function (...args) {
    // In how many pieces a body comes is never the same.
    if (name !== 'writeFile' || last !== name) effect(name);
    return real.apply(this, args);
  };
}
syncBuiltinESMExports();

const { write } = Socket.prototype;
Socket.prototype.write = function (data, ...rest) {
  if (Buffer.isBuffer(data) && data.includes('insert into public.paperwork_files')) effect('row');
  return write.call(this, data, ...rest);
};
const { writeHead } = ServerResponse.prototype;
ServerResponse.prototype.writeHead = function (status, ...rest) {
  if (status === 201) effect('answer');
  return writeHead.call(this, status, ...rest);
};
