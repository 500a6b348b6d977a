import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { isolatedPython } from '../downloads/isolated-python.js';

/** How a process gets a network of its own: as root without more, else inside a user namespace. */
export type NetworkWay = 'root' | 'user';

/**
 * What the scripts share. A process leaves word of itself in a file: pid and start time, which stay the same when it
 * becomes another program. Only one that is in another network counts. Rule of the fields: man 5 proc.
 */
const words = `
import fcntl, os, socket, struct, sys, time
def start_of(pid):
    return open('/proc/%s/stat' % pid).read().rpartition(')')[2].split()[19]
def living(word):
    try:
        pid, start = open(word).read().split()
        if start_of(pid) == start and os.readlink('/proc/%s/ns/net' % pid) != os.readlink('/proc/self/ns/net'): return pid
    except (OSError, ValueError, IndexError): pass
    return None
def joining(pid):
    user = [] if os.readlink('/proc/%s/ns/user' % pid) == os.readlink('/proc/self/ns/user') else ['--user', '--preserve-credentials']
    return ['nsenter', '--target', pid, '--net'] + user + ['--']
`;

/** Outside: joins the network of a running front, or makes one; then continues inside. */
const goInside = `${words}
front, make, inside = sys.argv[1], sys.argv[2].split(), sys.argv[3:]
pid = living(front)
way = joining(pid) if pid else make
os.execvp(way[0], way + [sys.executable, '-I', '-c'] + inside)
`;

/** Inside: the loopback interface of a new network is down. Then leaves word, and becomes the server. */
const becomeServer = `${words}
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    siocsifflags, up_and_running = 0x8914, 0x41
    fcntl.ioctl(any, siocsifflags, struct.pack('16sh22x', b'lo', up_and_running))
word, command = sys.argv[1], sys.argv[2:]
if word:
    with open(word + '.new', 'w') as file: file.write('%d %s' % (os.getpid(), start_of('self')))
    os.rename(word + '.new', word)
os.execvp(command[0], command)
`;

/**
 * Outside: waits for the server that left word, listens on ports of this machine, joins the server's network and becomes
 * the command, which gets the listening sockets by their numbers in FRONT_SOCKETS. A socket stays in the network that it
 * was made in.
 */
const becomeFront = `${words}
word, ports, command = sys.argv[1], sys.argv[2].split(','), sys.argv[3:]
while not living(word): time.sleep(0.05)
sockets = []
for port in ports:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', int(port)))
    listener.listen(511)
    listener.set_inheritable(True)
    sockets.append(listener)
way = joining(living(word) or sys.exit('the server has ended'))
os.environ.update(FRONT_SOCKETS=','.join(str(s.fileno()) for s in sockets), FRONT_OUTSIDE=os.readlink('/proc/self/ns/net'))
os.execvp(way[0], way + command)
`;

const unshare: Readonly<Record<NetworkWay, string>> = {
  root: 'unshare --net --',
  user: 'unshare --user --map-root-user --net --',
};

/** The files through which a server and its front find each other. */
export interface NetworkMessages {
  readonly server: string;
  readonly front: string;
}

/** A command that runs `command` in a network of its own: a new one, or where the front that was left still is. */
export function inOwnNetwork(way: NetworkWay, words: NetworkMessages, command: readonly string[]): readonly string[] {
  return [...isolatedPython, '-c', goInside, words.front, unshare[way], becomeServer, words.server, ...command];
}

/** A command that runs `command` in the network of the server, with sockets that listen on `ports` outside of it. */
export function inNetworkOf(
  { server }: NetworkMessages,
  ports: readonly number[],
  command: readonly string[],
): readonly string[] {
  return [...isolatedPython, '-c', becomeFront, server, ports.join(','), ...command];
}

/** How this machine gives a process a network of its own; the reason when it does not. Makes one and lets it go. */
export async function findNetworkWay(
  env: Readonly<Record<string, string>>,
): Promise<{ readonly way: NetworkWay } | { readonly reason: string; readonly missing?: 'python3' }> {
  const ways: readonly NetworkWay[] = process.getuid?.() === 0 ? ['root', 'user'] : ['user'];
  let reason = '';
  for (const way of ways) {
    const [command = '', ...args] = inOwnNetwork(way, { server: '', front: '' }, ['nsenter', '--version']);
    try {
      await promisify(execFile)(command, args, { env, cwd: '/', timeout: 10_000 });
      return { way };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        return { reason: 'there is no python3', missing: 'python3' };
      reason ||= reasonOf(error);
    }
  }
  return { reason };
}

/** Whether a process has another network than this one. */
export function isInOtherNetwork(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync('/proc/self/ns/net');
  } catch {
    return false;
  }
}

/** Whether something listens on every one of `ports` in the network of a process. Rule: `proc_net_tcp` of the kernel. */
export function listensInNetworkOf(pid: number, ports: readonly number[]): boolean {
  try {
    const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1);
    const fields = rows.map((row) => row.trim().split(/\s+/));
    const listening = fields
      .filter((row) => row[3] === '0A')
      .map((row) => Number.parseInt(row[1]?.slice(-4) ?? '', 16));
    return ports.every((port) => listening.includes(port));
  } catch {
    return false;
  }
}

/** The last line that a command which failed wrote. */
function reasonOf(error: unknown): string {
  const written = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  if (written !== '') return written.split('\n').at(-1) ?? '';
  return 'unshare fails';
}
