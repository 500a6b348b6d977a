import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { provePeer } from '../../base/local-peer.js';
import type { StackHome } from '../../state/home.js';
import { rewritePrivately } from '../../state/text-files.js';
import type { ProcessSpec } from '../programs/managed-process.js';
import { isOurs } from './port-holder.js';
import { serverEnvironment } from './server-environment.js';

const user = 'cubeshift';

/**
 * Everything that flags, registry and counters need, and nothing that reaches beyond the data: no configuration, modules,
 * scripts of the server's own, users, replication or shutdown, and not all data gone by one word. INFO and KEYS, which
 * Redis counts among the dangerous, only read. A script comes with the call that runs it (EVAL): none is kept for others.
 */
export const redisRights = '~* &* +@all -@admin -@dangerous +info +keys -function -script';

/**
 * No client can log in as the default user, which is off. It keeps the rights, since Redis replays its append-only file as this user:
 * without them it drops every transaction at a restart, and every write of a script that made several.
 */
export const defaultUser = `user default reset off ${redisRights}`;

export interface RedisServer {
  readonly program: string;
  readonly port: number;
  readonly password: string;
}

export function redisUrl({ port, password }: Omit<RedisServer, 'program'>): string {
  return `redis://${user}:${password}@127.0.0.1:${port}`;
}

/**
 * Redis on the loopback address, for clients that know the password: the default user is off. Secrets are in files of
 * the state folder that its user alone can read.
 */
export function redisProcess(home: StackHome, server: RedisServer): ProcessSpec {
  const [configuration, users] = [home.fileOf('redisConfiguration'), home.fileOf('redisUsers')];
  const digest = createHash('sha256').update(server.password).digest('hex');
  rewritePrivately(users, textOf([defaultUser, `user ${user} reset on #${digest} ${redisRights}`]));
  rewritePrivately(
    configuration,
    textOf([
      `port ${server.port}`,
      'bind 127.0.0.1',
      `dir ${quoted(home.folder)}`,
      `aclfile ${quoted(users)}`,
      'appendonly yes',
      'save ""',
    ]),
  );
  return {
    name: 'redis',
    command: server.program,
    args: [configuration],
    env: serverEnvironment(),
    port: server.port,
    version: '8.2',
    stopSignal: 'SIGTERM',
    ready: async () => isOurs(server.port) && (await answer(server.port, `AUTH ${user} ${server.password}`)) === '+OK',
  };
}

/** The first line that a Redis of this machine answers; undefined when there is none within a second. */
function answer(port: number, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 });
    const end = (line?: string) => {
      socket.destroy();
      resolve(line);
    };
    let text = '';
    socket.once('connect', () => {
      const userId = process.geteuid?.() ?? Number.NaN;
      provePeer(socket, { name: "the stack's Redis", userId }, 1000).then(
        () => socket.write(`${command}\r\n`),
        () => end(),
      );
    });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n')) end(text.split('\r\n')[0]);
    });
    for (const event of ['error', 'timeout', 'end'] as const) socket.once(event, () => end());
  });
}

function textOf(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** As Redis reads arguments of its configuration. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
