import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Failure } from '../base/failures.js';
import { refuseToStart } from '../config/configuration.js';
import type { Configuration } from '../config/variables.js';
import type { TokenSecrets } from './signed-tokens.js';

const kinds = ['cube', 'user'] as const;
type SecretKind = (typeof kinds)[number];

/** The secrets of both kinds of tokens. */
export type Secrets = Readonly<Record<SecretKind, TokenSecrets>>;

/** One kind in a file of secrets; `previous` is valid until a time, ISO 8601, or while it is in the file. */
export interface SecretsOfKind extends TokenSecrets {
  readonly previous_until?: string;
}
export type SecretsFile = Readonly<Partial<Record<SecretKind, SecretsOfKind>>>;

export type SecretVariables = Pick<Configuration, 'CUBE_JWT_SECRET' | 'TOKEN_SECRETS_FILE'> &
  Partial<Pick<Configuration, 'CUBE_JWT_SECRET_PREVIOUS' | 'USER_JWT_SECRET' | 'USER_JWT_SECRET_PREVIOUS'>>;

/** Identifies a secret without revealing it: part of an HMAC of a text that is no token. */
export function fingerprintOf(secret: string): string {
  return createHmac('sha256', secret).update('cubeshift fingerprint of a secret').digest('hex').slice(0, 16);
}

/** Interval at which programs reload the file: a change of a secret waits longer between two steps. */
export const secretsPollMillis = 1000;
const minBytes = 32;

/** The current secrets: from TOKEN_SECRETS_FILE where it has them, otherwise from the other variables. */
export class LoadedSecrets {
  private now: Secrets;
  private readonly listeners: ((secrets: Secrets) => void)[] = [];
  private readonly timer: NodeJS.Timeout;
  private lastAlarm = '';
  /** Whether there was a file: its removal must not bring a former secret back. */
  private existed = false;

  /** Throws `configuration_invalid` for an invalid file; one that becomes invalid later changes nothing and calls `alarm` once. */
  constructor(
    private readonly variables: SecretVariables,
    private readonly clock: () => Date,
    private readonly alarm: (sentence: string) => void,
  ) {
    this.now = this.read();
    this.timer = setInterval(() => this.reload(), secretsPollMillis);
    this.timer.unref();
  }

  get cube(): TokenSecrets {
    return this.now.cube;
  }

  get user(): TokenSecrets {
    return this.now.user;
  }

  /** The fingerprints of the secrets of cube tokens, the signing one first. */
  fingerprints(): readonly string[] {
    const { current, previous = '' } = this.cube;
    return [current, previous].filter((secret) => secret !== '').map(fingerprintOf);
  }

  /** Calls `listener` with every later change. */
  onChange(listener: (secrets: Secrets) => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** Reads the file now; it also does so every second. */
  reload(): void {
    try {
      const read = this.read();
      this.lastAlarm = '';
      if (JSON.stringify(read) === JSON.stringify(this.now)) return;
      this.now = read;
      for (const listener of this.listeners) listener(read);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (this.lastAlarm !== error.message) this.alarm(error.message);
      this.lastAlarm = error.message;
    }
  }

  private read(): Secrets {
    const { TOKEN_SECRETS_FILE: path, ...set } = this.variables;
    const found = findSecretsFile(path);
    if (found === undefined && this.existed) throw invalidFile('is gone');
    this.existed = found !== undefined;
    const file = found ?? {};
    const now = this.clock().getTime();
    return {
      cube: atTime(file.cube, now) ?? { current: set.CUBE_JWT_SECRET, previous: set.CUBE_JWT_SECRET_PREVIOUS ?? '' },
      user: atTime(file.user, now) ?? {
        current: set.USER_JWT_SECRET ?? '',
        previous: set.USER_JWT_SECRET_PREVIOUS ?? '',
      },
    };
  }
}

/** `LoadedSecrets` at a program's start: an invalid file ends the process with code 2 and a sentence. */
export function loadSecretsOrExit(...known: ConstructorParameters<typeof LoadedSecrets>): LoadedSecrets {
  try {
    return new LoadedSecrets(...known);
  } catch (error) {
    return refuseToStart(error);
  }
}

function atTime(kind: SecretsOfKind | undefined, now: number): TokenSecrets | undefined {
  if (kind === undefined) return undefined;
  const { current, previous = '', previous_until: until } = kind;
  return { current, previous: until !== undefined && Date.parse(until) <= now ? '' : previous };
}

/** Parses a file of secrets; empty without a file. Throws `configuration_invalid`, never with a secret in the message. */
export function readSecretsFile(path: string): SecretsFile {
  return findSecretsFile(path) ?? {};
}

function findSecretsFile(path: string): SecretsFile | undefined {
  if (path === '') return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw invalidFile('cannot be read');
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalidFile('is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw invalidFile('must be an object');
  const entries = Object.entries(parsed).map(([kind, value]) => {
    if (!kinds.some((known) => known === kind)) throw invalidFile('has a property that is neither cube nor user');
    return [kind, readKind(value)];
  });
  return Object.fromEntries(entries) as SecretsFile;
}

function readKind(value: unknown): SecretsOfKind {
  if (typeof value !== 'object' || value === null) throw invalidFile('must have an object for each kind');
  const { current, previous, previous_until: until, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length > 0)
    throw invalidFile('has properties other than current, previous and previous_until');
  if (!isSecret(current) || (previous !== undefined && !isSecret(previous)))
    throw invalidFile(`needs secrets of ${minBytes} bytes or more`);
  if (until !== undefined && (typeof until !== 'string' || Number.isNaN(Date.parse(until))))
    throw invalidFile('needs a time as previous_until');
  return {
    current,
    ...(previous === undefined ? {} : { previous }),
    ...(until === undefined ? {} : { previous_until: until }),
  };
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) >= minBytes;
}

function invalidFile(sentence: string): Failure {
  return new Failure('configuration_invalid', `The file that TOKEN_SECRETS_FILE names ${sentence}.`);
}
