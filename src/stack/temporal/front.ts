import { readlinkSync } from 'node:fs';
import { isAlive, readIdentity, writeOwnIdentity } from '../../state/process-identity.js';
import { readKey, temporalKeys } from '../../state/temporal-keys.js';
import { innerPorts } from './inner-ports.js';
import type { NetworkMessages } from './network.js';
import { createRpcFront } from './rpc-front.js';
import { createUiFront } from './ui-front.js';
import { UiLogin } from './ui-login.js';

/**
 * The only way to an embedded Temporal server: a program in the server's network, with two sockets that listen outside of
 * it. Survives its server, whose successor comes into the same network; ends when one is in another network after all, so
 * that the next front joins that.
 */
const { FRONT_SOCKETS = '', FRONT_OUTSIDE, FRONT_KEYS = '', FRONT_UI_PORT, FRONT_WORDS = '' } = process.env;
const pollMillis = 100;
const words = JSON.parse(FRONT_WORDS) as NetworkMessages;
const network = readlinkSync('/proc/self/ns/net');
if (network === FRONT_OUTSIDE) end('the front is not in a network of its own');

const [rpcSocket, uiSocket] = FRONT_SOCKETS.split(',').map(Number);
const keys = temporalKeys(FRONT_KEYS);
const login = new UiLogin(readKey(keys, 'uiSecret').toString('utf8'), Number(FRONT_UI_PORT));
createRpcFront(keys, innerPorts.rpc).listen({ fd: rpcSocket });
createUiFront(login, { outside: Number(FRONT_UI_PORT), ...innerPorts }).listen({ fd: uiSocket });
// For the next server.
writeOwnIdentity(words.front);

process.on('SIGTERM', () => process.exit(0));
setInterval(() => {
  if (!isServerHere()) end('the server is in another network');
}, pollMillis);

/** False when a server lives in another network; none at all is waited for. */
function isServerHere(): boolean {
  const server = readIdentity(words.server);
  try {
    return server === undefined || !isAlive(server) || readlinkSync(`/proc/${server.pid}/ns/net`) === network;
  } catch {
    // Ended between two polls.
    return true;
  }
}

function end(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
