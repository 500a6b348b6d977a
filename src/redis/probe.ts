import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { Failure, type FailureType } from '../base/failures.js';
import {
  answerMillis,
  codeOf,
  connectFault,
  type NetworkFault,
  probeMillis,
  probePort,
  type ServerAddress,
  type TlsSettings,
  tlsFault,
} from '../base/network.js';
import { trafficNames } from '../domain/cubes.js';
import { connectRedisOnce } from './connection.js';
import { flagKeys } from './keys.js';

const variable = 'REDIS_URL';

/**
 * Checks whether the programs can use a Redis server: network (within two seconds), password, rights of its user. Throws the
 * reason in one sentence with a remedy. Changes nothing on the server. `serverUserId` is the user id that the stack's own server runs
 * as. Returns the server's version.
 */
export async function probeRedis(url: string, serverUserId: number | null = null): Promise<string> {
  const fault = await probePort(addressOf(url));
  if (fault !== undefined) throw unreachable(fault);
  const { connection, connected } = connectRedisOnce(url, answerMillis, serverUserId);
  try {
    await (url.startsWith('rediss:') ? Promise.race([connected, failIfPlain(url)]) : connected);
    for (const [command, ...args] of harmlessCommands()) await connection.call(command, args);
    return /redis_version:(\S+)/.exec(await connection.info('server').catch(() => ''))?.[1] ?? '';
  } catch (error) {
    throw explain(url, error);
  } finally {
    connection.disconnect();
  }
}

/** One command of each kind that the programs send, so that it changes nothing: `XX` on a missing key, a script without effect. */
function harmlessCommands(): readonly (readonly [string, ...string[]])[] {
  const scratch = `cubeshift:check:${randomBytes(6).toString('hex')}`;
  const flags = trafficNames.flatMap((name) => Object.values(flagKeys(name)));
  return [
    ['PING'],
    ...flags.map((key) => ['GETRANGE', key, '0', '0'] as const).slice(0, 2),
    ['SET', scratch, '', 'XX'],
    ['HGETALL', scratch],
    ['EVAL', "return redis.call('exists', KEYS[1])", '1', scratch],
    ['EVAL', 'return 0', String(flags.length), ...flags],
    ['PUBLISH', scratch, ''],
  ];
}

function addressOf(url: string): ServerAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.+)\]$/, '$1'), port: Number(port || 6379), variable };
}

function unreachable({ reason, remedy }: NetworkFault, cause?: unknown): Failure {
  return new Failure('redis_unreachable', `The Redis server that REDIS_URL names cannot be reached: ${reason}.`, {
    hint: remedy,
    cause,
  });
}

function tlsSettingsOf(address: ServerAddress): TlsSettings {
  return {
    ...address,
    nameAuthority: 'NODE_EXTRA_CA_CERTS=FILE',
    nameCertificate: 'a server that wants one cannot be used',
    withoutTls: `redis:// in ${variable}`,
  };
}

function explain(url: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { hostname, username } = new URL(url);
  const address = addressOf(url);
  const user = username === '' ? 'default' : decodeURIComponent(username);
  const failed = (type: FailureType, sentence: string, hint: string) =>
    new Failure(type, sentence, { hint, cause: error });
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('WRONGPASS'))
    return failed(
      'configuration_invalid',
      `Redis refuses the password of user ${user}.`,
      `Correct user and password in ${variable}.`,
    );
  if (message.startsWith('NOAUTH'))
    return failed(
      'configuration_invalid',
      `Redis wants a password, and ${variable} has none.`,
      `Write it into ${variable}: ${new URL(url).protocol}//${user}:PASSWORD@${hostname}:${address.port}.`,
    );
  if (message.startsWith('NOPERM')) {
    const command = /'([\w|]+)' command/.exec(message)?.[1];
    return failed(
      'permission_denied',
      command === undefined
        ? `The user ${user} of Redis may not use the keys and channels of the programs.`
        : `The user ${user} of Redis may not run ${command.toUpperCase()}.`,
      command === undefined
        ? `As an administrator there: ACL SETUSER ${user} ~*_cube_enabled ~*_cube_user_percentage ~cubeshift:* &cubeshift:*`
        : `As an administrator there: ACL SETUSER ${user} +${command.toLowerCase()}`,
    );
  }
  // The library reports ETIMEDOUT for a silent server too.
  const code = codeOf(error);
  const known =
    (code === 'ETIMEDOUT' ? undefined : connectFault(code, address)) ?? tlsFault(error, tlsSettingsOf(address));
  const silent = {
    reason: `what listens on port ${address.port} of ${address.host} does not answer as Redis does`,
    remedy: `Correct host and port in ${variable}; a server that speaks TLS is named rediss://….`,
  };
  return unreachable(known ?? silent, error);
}

const noTls = new Error('The server does not support SSL connections');

/** Throws when the server answers without TLS; otherwise never settles. */
async function failIfPlain(url: string): Promise<never> {
  const address = addressOf(url);
  const fault = (await answersWithoutTls(address, probeMillis)) ? tlsFault(noTls, tlsSettingsOf(address)) : undefined;
  if (fault !== undefined) throw unreachable(fault);
  return new Promise(() => undefined);
}

/** Whether the server answers without TLS: a Redis with TLS waits silently for the rest of a handshake. */
function answersWithoutTls({ host, port }: { host: string; port: number }, millis: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: millis }, () => socket.write('PING\r\n'));
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('data', (answer) => end(/^[+-]/.test(answer.toString('latin1'))));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => end(false));
  });
}
