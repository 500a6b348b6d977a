import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { Failure } from '../../base/failures.js';
import { isPortFree, loopback } from '../../state/ports.js';

/**
 * Whether a server of ours listens on a port of a loopback address of IPv4, by default 127.0.0.1: of who runs this process or of
 * the databases' `account`. Throws when another user's program does. To be called before anything secret is sent there: while a
 * server is down, any user of the machine can take its port.
 */
export function isOurs(port: number, account: number | null = null, host: string = loopback): boolean {
  const ours = [process.geteuid?.(), account];
  const narrow = listenerUsers(readListeners('/proc/net/tcp'), port, host);
  // What listens in IPv6 is reached where nothing does in IPv4, if at all.
  const userIds = narrow.length > 0 ? narrow : listenerUsers(readListeners('/proc/net/tcp6'), port, host);
  const stranger = userIds.find((userId) => !ours.includes(userId));
  if (stranger === undefined) return userIds.length > 0;
  throw new Failure('conflict', `Port ${port} is held by another user's program (user id ${stranger}).`, {
    hint: 'End that program, or bring the stack down and up again: it then chooses another port.',
  });
}

/** Throws when another user's program listens on a port where a server of ours is to listen. */
export async function refuseStranger(port: number, account: number | null = null, host?: string): Promise<void> {
  if (!(await isPortFree(port, host))) isOurs(port, account, host);
}

/**
 * Whether what answers `look` listens on `port` and is ours. Throws when another user's program listens there: before `look`
 * sends anything, or after it, when the port changed hands meanwhile.
 */
export async function answersAsOurs(port: number, look: () => Promise<boolean>, host?: string): Promise<boolean> {
  return isOurs(port, null, host) && (await look()) && isOurs(port, null, host);
}

/** An address of IPv4 and those that take it in, in IPv4 and IPv6, as the kernel writes them on this processor. */
function addressesOf(host: string): ReadonlySet<string> {
  const bytes = host.split('.').map((part) => Number(part).toString(16).padStart(2, '0').toUpperCase());
  const [own, mapped] = endianness() === 'LE' ? [bytes.reverse().join(''), 'FFFF0000'] : [bytes.join(''), '0000FFFF'];
  return new Set([own, '00000000', `0000000000000000${mapped}${own}`, '00000000000000000000000000000000']);
}

/** The users who listen on a port of an address. Rule: `proc_net_tcp` of the kernel. */
export function listenerUsers(table: string, port: number, host: string = loopback): readonly number[] {
  const addresses = addressesOf(host);
  return table.split('\n').flatMap((row) => {
    const [, local = '', , state, , , , userId] = row.trim().split(/\s+/);
    const [address = '', hexPort = ''] = local.split(':');
    const listens = state === '0A' && addresses.has(address) && Number.parseInt(hexPort, 16) === port;
    return listens ? [Number(userId)] : [];
  });
}

/** As the kernel writes the states of those that listen, and, before version 4.4 among these, of those that are being connected to. */
const listening: ReadonlySet<string> = new Set(['0A', '03']);

/** Whether a part of the kernel's table has come to sockets that do not listen. The last row may be cut off. */
export function isPastListeners(part: string): boolean {
  return part
    .split('\n')
    .slice(0, -1)
    .some((row) => {
      const [place = '', , , state = ''] = row.trim().split(/\s+/);
      return place.endsWith(':') && !listening.has(state);
    });
}

/**
 * The head of the kernel's table, which lists all that listen before all other sockets (`tcp_get_idx`): of those a busy machine has tens
 * of thousands, and going through them takes the kernel tens of milliseconds.
 */
function readListeners(table: string): string {
  const file = open(table);
  if (file === undefined) return '';
  try {
    const piece = Buffer.alloc(4096);
    let text = '';
    for (let size = 1; size > 0 && !isPastListeners(text); text += piece.toString('latin1', 0, size))
      size = readSync(file, piece, 0, piece.length, null);
    return text;
  } finally {
    closeSync(file);
  }
}

function open(table: string): number | undefined {
  try {
    return openSync(table, 'r');
  } catch (error) {
    // A kernel without IPv6 has no second table.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT' && table.endsWith('6')) return undefined;
    throw error;
  }
}
