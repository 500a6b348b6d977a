import { connect } from 'node:net';
import { connectClient } from '../../postgres/connect.js';

/** Whether something accepts connections on a port of the loopback address. */
export function listens(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: 1000 });
    const answer = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}

/** Whether a PostgreSQL answers a statement. */
export async function answers(url: string): Promise<boolean> {
  try {
    const client = await connectClient(url, { applicationName: 'cubeshift up' }, 2000);
    await client.end();
    return true;
  } catch {
    return false;
  }
}
