import { readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { identify, isAlive } from '../../state/process-identity.js';
import { temporalKeys } from './certificates.js';
import { innerPorts } from './inner-ports.js';
import type { NetworkWords } from './network.js';
import { createRpcFront } from './rpc-front.js';
import { createUiFront } from './ui-front.js';
import { UiLogin } from './ui-login.js';

/**
 * The only way to an embedded Temporal server: a program in the server's network, with two sockets that listen outside of
 * it. Survives its server, whose successor comes into the same network; ends when one is in another network after all, so
 * that the next front joins that.
 */
const { FRONT_SOCKETS = '', FRONT_OUTSIDE, FRONT_KEYS = '', FRONT_UI_PORT, FRONT_WORDS = '' } = process.env;
const lookEveryMillis = 100;
const words = JSON.parse(FRONT_WORDS) as NetworkWords;
const network = readlinkSync('/proc/self/ns/net');
if (network === FRONT_OUTSIDE) end('the front is not in a network of its own');

const [rpcSocket, uiSocket] = FRONT_SOCKETS.split(',').map(Number);
const keys = temporalKeys(FRONT_KEYS);
const login = new UiLogin(readFileSync(keys.uiSecret, 'utf8'), Number(FRONT_UI_PORT));
createRpcFront(keys, innerPorts.rpc).listen({ fd: rpcSocket });
createUiFront(login, { outside: Number(FRONT_UI_PORT), ...innerPorts }).listen({ fd: uiSocket });
leaveWord();

process.on('SIGTERM', () => process.exit(0));
setInterval(() => {
  if (!isServerHere()) end('the server is in another network');
}, lookEveryMillis);

/** For the next server. */
function leaveWord(): void {
  const own = identify(process.pid);
  writeFileSync(`${words.front}.new`, `${own?.pid} ${own?.startTime}`, { mode: 0o600 });
  renameSync(`${words.front}.new`, words.front);
}

/** False when a server lives in another network; none at all is waited for. */
function isServerHere(): boolean {
  try {
    const [pid, startTime = ''] = readFileSync(words.server, 'utf8').split(' ');
    return !isAlive({ pid: Number(pid), startTime }) || readlinkSync(`/proc/${pid}/ns/net`) === network;
  } catch {
    // Ended between the looks.
    return true;
  }
}

function end(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
