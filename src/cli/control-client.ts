import { setTimeout as sleep } from 'node:timers/promises';
import { readSecretsFile, type SecretsFile } from '../auth/token-secrets.js';
import { issueCubeToken } from '../auth/tokens.js';
import { Failure, isFailureType } from '../base/failures.js';
import { readConfiguration, setVariables } from '../config/configuration.js';
import type { MigrationView } from '../domain/migration/migration.js';
import { currentHome, liveEnvironment, ownEnvironment } from './current-stack.js';
import { oneLine } from './one-line.js';
import type { Output } from './output.js';
import { callerHeaders } from './person.js';
import { type ControlRequest, type ControlResponse, fetchFromStack } from './stack-fetch.js';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** The control API as the command line uses it. */
export interface ControlClient {
  /** What is undefined in `body` is left out. Waits half a minute for an answer unless `maxMillis` says less. */
  call<T>(method: Method, path: string, body?: unknown, maxMillis?: number): Promise<T>;
  /** Opens a stream of events; ends with the connection. */
  stream(path: string): Promise<ReadableStream<Uint8Array>>;
  /** Reads what a command waits for: again for a minute after a failure that may pass by itself, and says so. */
  readWithRetries<T>(path: string, output: Output): Promise<T>;
}

/**
 * Makes a client for the command that runs, which may see contents of records only where it says so; throws `configuration_invalid` when its variables are wrong. */
export type Connect = (contents?: 'with contents') => ControlClient;

/** A worker that was killed may leave a query unanswered for ten seconds; its successor answers the next. */
const retryMillis = 60_000;
const againAfterMillis = 500;
const answerMillis = 30_000;
const healthPath = '/health';

/**
 * A client of the control API that CONTROL_URL names, or of the stack in the state folder. Its tokens live an hour, and
 * allow what one request needs: only to read, where it reads. They may see contents of records only `with contents`.
 * `person` is who types, by `--by`.
 */
export function createControlClient(person: string | undefined, contents?: 'with contents'): ControlClient {
  const { url, fetch, secret } = controlApi();
  const headersOf = (method: Method, path: string): Readonly<Record<string, string>> => {
    // It answers everyone, also where the secret is not known.
    if (path === healthPath) return {};
    const permissions = [
      'migration:read',
      ...(method === 'GET' ? [] : ['migration:write']),
      ...(contents === undefined ? [] : ['records:read']),
    ];
    // Made for each call: the secret may change while a command waits.
    const { token } = issueCubeToken(secret(), { cubeId: 'command-line', permissions }, new Date());
    return { authorization: `Bearer ${token}`, ...callerHeaders(person) };
  };
  const send = async (method: Method, path: string, body: unknown, signal: AbortSignal): Promise<ControlResponse> => {
    const headers = headersOf(method, path);
    const response = await fetch(`${url}${path}`, {
      method,
      signal,
      ...(body === undefined
        ? { headers }
        : { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      if (error instanceof Failure) throw error;
      throw new Failure('control_unreachable', `The control API at ${url} cannot be reached.`, {
        ...(method === 'GET' ? { safe: 'Nothing was changed; migrations and ramps that have begun continue.' } : {}),
        cause: error,
      });
    });
    if (!response.ok) throw failureOf(await response.json().catch(() => undefined), response.status);
    return response;
  };
  const client: ControlClient = {
    call: async <T>(method: Method, path: string, body?: unknown, maxMillis: number = answerMillis) => {
      const response = await send(method, path, body, AbortSignal.timeout(maxMillis));
      return (await response.json().catch(() => undefined)) as T;
    },
    stream: async (path) => {
      const opening = new AbortController();
      const timer = setTimeout(() => opening.abort(), answerMillis);
      const { body } = await send('GET', path, undefined, opening.signal).finally(() => clearTimeout(timer));
      return body ?? new ReadableStream();
    },
    readWithRetries: async <T>(path: string, output: Output) => {
      const deadline = Date.now() + retryMillis;
      for (let announced = false; ; announced = true) {
        try {
          return await client.call<T>('GET', path);
        } catch (error) {
          if (!(error instanceof Failure && error.retryable) || Date.now() > deadline) throw error;
          if (!announced) output.talk(`${error.message} Trying again for ${retryMillis / 1000} s.`);
          await sleep(againAfterMillis);
        }
      }
    },
  };
  return client;
}

export function readMigrationView(client: ControlClient, id: string): Promise<MigrationView> {
  return client.call('GET', migrationPath(id));
}

export function migrationPath(id: string): string {
  return `/v1/migrations/${encodeURIComponent(id)}`;
}

/** The secret that cube tokens are made with: of the environment, else of the stack. */
export function cubeSecret(): string {
  const changed = secretsFileOf(process.env).cube;
  if (changed !== undefined) return changed.current;
  return readConfiguration({ ...stackUnlessSet('CUBE_JWT_SECRET'), ...ownEnvironment() }, ['CUBE_JWT_SECRET'])
    .CUBE_JWT_SECRET;
}

/**
 * Every secret that a report may have been signed with: the one in use, the one that the environment names, that of the stack, and
 * the former one. The environment's may be of a stack that was removed: its reports remain. Throws `configuration_invalid` where
 * none is known.
 */
export function knownCubeSecrets(): readonly string[] {
  const stack = currentHome().environment();
  const changed = secretsFileOf({ ...stack, ...process.env }).cube;
  const secretOf = (environment: NodeJS.ProcessEnv) =>
    setVariables(environment).includes('CUBE_JWT_SECRET')
      ? readConfiguration(environment, ['CUBE_JWT_SECRET']).CUBE_JWT_SECRET
      : undefined;
  const known = [changed?.current, secretOf(process.env), secretOf({ ...stack }), changed?.previous];
  const secrets = known.filter((secret) => secret !== undefined);
  if (secrets.length === 0)
    throw new Failure('configuration_invalid', 'No secret is known that the report may be signed with.', {
      hint: `Set CUBE_JWT_SECRET to the secret of the stack that signed it; there is no stack in ${currentHome().folder}.`,
    });
  return secrets;
}

function secretsFileOf(environment: NodeJS.ProcessEnv): SecretsFile {
  return readSecretsFile(readConfiguration(environment, ['TOKEN_SECRETS_FILE']).TOKEN_SECRETS_FILE);
}

/**
 * Where the control API is, how it is reached, and with which secret its tokens are made. An address that the caller names is the
 * caller's to trust, and so is the secret that goes with it: a token of the stack could be used against the stack there.
 */
function controlApi(): {
  readonly url: string;
  readonly fetch: (url: string, request: ControlRequest) => Promise<ControlResponse>;
  readonly secret: () => string;
} {
  const own = ownEnvironment();
  const { CONTROL_URL: url } = readConfiguration({ ...stackUnlessSet('CONTROL_URL'), ...own }, ['CONTROL_URL']);
  return own.CONTROL_URL
    ? { url, fetch, secret: () => callersSecret(url) }
    : { url, fetch: fetchFromStack, secret: cubeSecret };
}

/** The caller's own secret, for a control API that the caller names. Throws `configuration_invalid` where there is none. */
function callersSecret(url: string): string {
  const own = ownEnvironment();
  const changed = secretsFileOf(own).cube;
  if (changed !== undefined) return changed.current;
  if (own.CUBE_JWT_SECRET) return readConfiguration(own, ['CUBE_JWT_SECRET']).CUBE_JWT_SECRET;
  const home = currentHome();
  const stack =
    home.environment() === undefined ? '' : `, or type \`unset CONTROL_URL\` for the stack in ${home.folder}`;
  throw new Failure(
    'configuration_invalid',
    `CONTROL_URL names ${url}, and no variable has the secret of that control API.`,
    {
      safe: 'No token was sent there, and nothing was changed.',
      hint: `Set CUBE_JWT_SECRET to the secret that it was started with${stack}.`,
    },
  );
}

/** The stack's variables, where the environment does not name the one that is needed. */
function stackUnlessSet(name: 'CONTROL_URL' | 'CUBE_JWT_SECRET'): Readonly<Record<string, string>> {
  return ownEnvironment()[name] === undefined ? liveEnvironment() : {};
}

function failureOf(answer: unknown, status: number): Failure {
  if (typeof answer !== 'object' || answer === null)
    return new Failure('unexpected', `The control API answered ${status} without a word.`);
  const { type, detail, safe, hint } = answer as Record<string, unknown>;
  return new Failure(
    isFailureType(type) ? type : 'unexpected',
    oneLine(String(detail ?? `The control API answered ${status}.`)),
    {
      ...(typeof safe === 'string' ? { safe: oneLine(safe) } : {}),
      ...(typeof hint === 'string' ? { hint: oneLine(hint) } : {}),
    },
  );
}
