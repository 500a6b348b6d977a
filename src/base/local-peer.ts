import { readFile } from 'node:fs/promises';
import { isIPv6, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failures.js';

/** A server of this machine, as it is named to people, and the user that it runs as. */
export interface LocalServer {
  /** Completes "not by …". */
  readonly name: string;
  readonly userId: number;
}

/**
 * Throws unless the other end of a connection is a socket of the server's user on this machine: while a server is down any
 * user can listen on its port. Await it before sending anything. The kernel is queried about this very connection, so
 * that it does not matter which program listens a moment before or later.
 */
export async function provePeer(socket: Socket, { name, userId }: LocalServer, millis: number): Promise<void> {
  const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket;
  const place = `Port ${remotePort} of ${remoteAddress}`;
  const ends = [
    [remoteAddress, remotePort],
    [localAddress, localPort],
  ] as const;
  const deadline = Date.now() + millis;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const userIds = await readTakers(ends);
    const stranger = userIds.find((one) => one !== userId);
    if (stranger !== undefined)
      throw strangerFailure(`${place} is held by another user's program (user id ${stranger}), not by ${name}`);
    if (userIds.length > 0) return;
    if (socket.destroyed || socket.readableEnded) throw strangerFailure(`${place} ended the connection`);
    if (Date.now() + pause > deadline)
      throw strangerFailure(`${place} does not take the connection, so that nothing shows whether it is ${name}`);
    await sleep(pause);
  }
}

export class StrangerFailure extends Failure {}

function strangerFailure(what: string): StrangerFailure {
  return new StrangerFailure('redis_unreachable', `${what}: it received nothing.`, {
    hint: 'End the program that listens there, or bring the stack down and up again: it then chooses another port.',
  });
}

type End = readonly [address: string, port: number];

const established = '01';

/**
 * The users of those that have taken the connection from the second end to the first, in the kernel's tables. One that waits
 * to be taken has no inode yet, and older kernels name root as its user.
 */
export function takersOf(tables: string, [server, client]: readonly [End, End]): readonly number[] {
  const [to, from] = [hexEnd(server), hexEnd(client)];
  const wanted = [`${to} ${from}`, `${mapped}${to} ${mapped}${from}`];
  return tables.split('\n').flatMap((row) => {
    const [, local, remote, state, , , , userId, , inode] = row.trim().split(/\s+/);
    const isTaken = state === established && inode !== '0' && wanted.includes(`${local} ${remote}`);
    return isTaken ? [Number(userId)] : [];
  });
}

/** The prefix of an IPv4 address in IPv6. */
const mapped = endianness() === 'LE' ? '0000000000000000FFFF0000' : '00000000000000000000FFFF';

/** As the kernel writes an end: the address in numbers of four bytes, each as this processor has it. */
function hexEnd([address, port]: End): string {
  const bytes = isIPv6(address) && !address.startsWith('::ffff:') ? bytesOfIPv6(address) : bytesOfIPv4(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.slice(at * 4, at * 4 + 4));
  const hex = (value: readonly number[]) => Buffer.from(value).toString('hex').toUpperCase();
  const host = words.map((word) => hex(endianness() === 'LE' ? word.reverse() : word)).join('');
  return `${host}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function bytesOfIPv4(address: string): readonly number[] {
  return address
    .replace(/^::ffff:/, '')
    .split('.')
    .map(Number);
}

function bytesOfIPv6(address: string): readonly number[] {
  const [withoutZone = ''] = address.split('%');
  const [head = [], tail = []] = withoutZone.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];
  return groups.map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 255]);
}

/** A connection is in one of the tables: reading the second takes the kernel as long as reading the first. */
async function readTakers(ends: readonly [End, End]): Promise<readonly number[]> {
  const narrow = takersOf(await readFile('/proc/net/tcp', 'utf8'), ends);
  if (narrow.length > 0) return narrow;
  // A kernel without IPv6 has no second table.
  return takersOf(await readFile('/proc/net/tcp6', 'utf8').catch(() => ''), ends);
}
