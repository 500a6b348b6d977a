import { createHmac, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Failure } from '../base/failures.js';
import { fallbackOf } from '../config/variables.js';
import {
  type DesiredCubes,
  desiredFolder,
  newestState,
  type ObservedInstance,
  observedFile,
  stateFile,
} from '../domain/deployment/desired-cubes.js';
import { type Release, readRelease, releasePath } from '../domain/deployment/releases.js';
import { linkNew } from './exclusive-link.js';
import { whyNotOwn } from './own-folder.js';
import { choosePort } from './ports.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Ports by the part that listens on them, and where each usually is. */
export const usualPorts = {
  temporal: 7233,
  temporalUi: 8233,
  legacyPostgres: 5432,
  cubePostgres: 5433,
  redis: 6379,
  control: fallbackOf('CONTROL_PORT'),
  gateway: fallbackOf('GATEWAY_PORT'),
  security: fallbackOf('SECURITY_CUBE_PORT'),
  monitoring: fallbackOf('MONITORING_CUBE_PORT'),
  saju: fallbackOf('SAJU_CUBE_PORT'),
  legacySaju: fallbackOf('LEGACY_SAJU_PORT'),
} as const;
export type PortName = keyof typeof usualPorts;

function isTemporal(name: PortName): boolean {
  return name === 'temporal' || name === 'temporalUi';
}

/** Where secrets that were changed while the stack runs stand. */
export const secretsFile = 'token-secrets.json';

/** What is decided once for a stack and kept: ports and secrets. */
export interface StackSettings {
  readonly ports: Readonly<Record<PortName, number>>;
  /** What passwords of the embedded servers are made of: `passwordFrom`. */
  readonly passwordSecret: string;
  /** The PostgreSQL administrator's password of a stack that was made before there was a `passwordSecret`. */
  readonly postgresPassword?: string;
  readonly cubeJwtSecret: string;
  readonly userJwtSecret: string;
}

/** The password of one user of an embedded server; without `secret` none of them can be told from another. */
export function passwordFrom({ passwordSecret }: Pick<StackSettings, 'passwordSecret'>, name: string): string {
  return createHmac('sha256', passwordSecret).update(name).digest('base64url');
}

/** A process of the stack as `ps` shows it. */
export interface ProcessEntry extends ProcessIdentity {
  readonly name: string;
  readonly port: number | null;
  readonly version: string;
  readonly state: 'starting' | 'ready' | 'stopped';
}

/** The state folder of one stack: private to its user, and the only thing that survives its processes. */
export class StackHome {
  readonly folder: string;
  private trusted = false;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  /** Of something in it. Throws `configuration_invalid` when others may have put there what it is. */
  path(...parts: string[]): string {
    this.trust();
    return join(this.folder, ...parts);
  }

  get exists(): boolean {
    return existsSync(this.folder);
  }

  prepare(): void {
    this.trust();
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.trust();
    chmodSync(this.folder, 0o700);
    mkdirSync(this.path('logs'), { recursive: true, mode: 0o700 });
  }

  /**
   * The settings of this stack, made at the first call. Ports that others took meanwhile are chosen anew; those `asked` for
   * are taken as they are.
   */
  async settings(
    inUse: ReadonlySet<number>,
    asked: Readonly<Partial<Record<PortName, number>>> = {},
  ): Promise<StackSettings> {
    const kept = this.read<StackSettings>('settings.json');
    const ports: Partial<Record<PortName, number>> = {};
    const taken = new Set<number>();
    for (const [name, usual] of Object.entries(usualPorts) as [PortName, number][]) {
      const wanted = kept?.ports[name] ?? usual;
      // Temporal's two ports belong together, whichever of its processes lives.
      const holders = kept !== undefined && isTemporal(name) ? [kept.ports.temporal, kept.ports.temporalUi] : [wanted];
      const own = holders.some((holder) => inUse.has(holder));
      const port = asked[name] ?? (own ? wanted : await choosePort(wanted, taken));
      ports[name] = port;
      taken.add(port);
    }
    const settings: StackSettings = {
      ports: ports as Record<PortName, number>,
      passwordSecret: kept?.passwordSecret ?? randomBytes(32).toString('base64url'),
      ...(kept?.postgresPassword === undefined ? {} : { postgresPassword: kept.postgresPassword }),
      cubeJwtSecret: kept?.cubeJwtSecret ?? randomBytes(48).toString('base64url'),
      userJwtSecret: kept?.userJwtSecret ?? randomBytes(48).toString('base64url'),
    };
    this.write('settings.json', settings);
    return settings;
  }

  /** The variables that the programs of this stack run with, as `up` was told them. */
  environment(): Readonly<Record<string, string>> | undefined {
    return this.read<Record<string, string>>('environment.json');
  }

  recordEnvironment(environment: Readonly<Record<string, string>>): void {
    this.write('environment.json', environment);
  }

  /** Every value that a variable had because this stack chose it, by the variable's name. */
  embeddedValues(): Readonly<Record<string, readonly string[]>> {
    return this.read<Record<string, readonly string[]>>('embedded-values.json') ?? {};
  }

  recordEmbeddedValues(values: Readonly<Record<string, readonly string[]>>): void {
    this.write('embedded-values.json', values);
  }

  get secretsPath(): string {
    return this.path(secretsFile);
  }

  /** The secret that was made for this stack; undefined before its first start. */
  get madeCubeSecret(): string | undefined {
    return this.read<StackSettings>('settings.json')?.cubeJwtSecret;
  }

  /** The secrets of cube tokens that were made while the stack ran, the former one too. */
  secretsInUse(): readonly string[] {
    const { cube } = this.read<{ cube?: { current?: string; previous?: string } }>(secretsFile) ?? {};
    return [cube?.current, cube?.previous].filter((secret) => secret !== undefined);
  }

  /** Puts secrets of tokens where the programs of this stack look for them. */
  recordSecrets(secrets: unknown): void {
    this.write(secretsFile, secrets);
  }

  /** Where root's databases of this stack lie, and who runs their servers; undefined while there are none. */
  databasePlace(): { readonly folder: string; readonly account: number } | undefined {
    return this.read('databases.json');
  }

  recordDatabasePlace(place: { readonly folder: string; readonly account: number }): void {
    this.write('databases.json', place);
  }

  processes(): readonly ProcessEntry[] {
    return this.read<ProcessEntry[]>('processes.json') ?? [];
  }

  recordProcesses(entries: readonly ProcessEntry[]): void {
    this.write('processes.json', entries);
  }

  /** What should run of each cube; what was never deployed is not in it. */
  desiredCubes(): DesiredCubes {
    const folder = this.path(desiredFolder);
    for (;;) {
      const number = newestState(existsSync(folder) ? readdirSync(folder) : []);
      if (number === 0) return {};
      const cubes = this.read<DesiredCubes>(join(desiredFolder, stateFile(number)));
      // Cleared away between the two looks: there are newer ones.
      if (cubes !== undefined) return cubes;
    }
  }

  recordInstances(instances: readonly ObservedInstance[]): void {
    this.write(observedFile, instances);
  }

  instances(): readonly ObservedInstance[] {
    return this.read<ObservedInstance[]>(observedFile) ?? [];
  }

  /** A release; undefined when there is none of this version. Throws `unexpected` for a file that holds none. */
  release(cubeId: string, version: string): Release | undefined {
    const path = join(...releasePath(cubeId, version));
    const content = this.read<unknown>(path);
    if (content === undefined) return undefined;
    const release = readRelease(content);
    if (release !== undefined) return release;
    throw new Failure('unexpected', `The file ${this.path(path)} is not a release.`, {
      hint: 'Remove it, and add the release again.',
    });
  }

  /** Every release of a cube, or of all, the oldest first. */
  releases(cubeId?: string): readonly Release[] {
    const folder = this.path('releases');
    const cubes = existsSync(folder)
      ? readdirSync(folder).filter((name) => cubeId === undefined || name === cubeId)
      : [];
    return cubes
      .flatMap((cube) =>
        existsSync(join(folder, cube))
          ? readdirSync(join(folder, cube)).flatMap((name) =>
              name.endsWith('.json') ? (this.release(cube, name.slice(0, -'.json'.length)) ?? []) : [],
            )
          : [],
      )
      .sort((one, other) => one.created_at.localeCompare(other.created_at));
  }

  /** Keeps a release; a version that is there already stays what it is. Returns whether it was added. */
  addRelease(release: Release): boolean {
    const [releases, cube, file] = releasePath(release.cube_id, release.version);
    mkdirSync(this.path(releases, cube), { recursive: true, mode: 0o700 });
    const candidate = join(releases, cube, `.${file}.${process.pid}`);
    this.write(candidate, release);
    try {
      return linkNew(this.path(candidate), this.path(releases, cube, file));
    } finally {
      rmSync(this.path(candidate), { force: true });
    }
  }

  /** The living supervisor of this stack. */
  supervisor(): ProcessIdentity | undefined {
    const holder = this.read<ProcessIdentity>('supervisor.lock');
    return holder !== undefined && isAlive(holder) ? holder : undefined;
  }

  /** Makes the calling process the supervisor; throws `conflict` while another one lives. Returns how to let go. */
  lock(): () => void {
    return this.hold(
      'supervisor',
      ({ pid }) =>
        new Failure('conflict', `The stack in ${this.folder} is already kept up by process ${pid}.`, {
          hint: 'Use it, or stop it with `cubeshift down`.',
        }),
    );
  }

  /** Does `work` while no other process does what goes by that name; throws `conflict` while one does. */
  async alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const letGo = this.hold(
      name,
      ({ pid }) => new Failure('conflict', `Process ${pid} is about that already.`, { hint: 'Wait until it is done.' }),
    );
    try {
      return await work();
    } finally {
      letGo();
    }
  }

  /** Gives the calling process the lock of that name; throws what `refusal` makes while another process has it. Returns how to let go. */
  private hold(name: string, refusal: (holder: ProcessIdentity) => Failure): () => void {
    const own = identify(process.pid);
    if (own === undefined) throw new Failure('unexpected', 'This system has no /proc to tell processes apart.');
    const lock = `${name}.lock`;
    const candidate = `${name}.${process.pid}.lock`;
    this.write(candidate, own);
    try {
      const holder = this.takeLock(lock, candidate);
      if (holder !== undefined) throw refusal(holder);
      return () => rmSync(this.path(lock), { force: true });
    } finally {
      rmSync(this.path(candidate), { force: true });
    }
  }

  /** Puts the candidate in a lock's place, unless a living process holds it or is about to: then that one is returned. */
  private takeLock(name: string, candidate: string): ProcessIdentity | undefined {
    for (;;) {
      if (linkNew(this.path(candidate), this.path(name))) return undefined;
      const holder = this.read<ProcessIdentity>(name);
      if (holder === undefined) continue;
      if (isAlive(holder)) return holder;
      const other = this.removeLock(name, holder, candidate);
      if (other !== undefined) return other;
    }
  }

  /**
   * Removes a dead holder's lock, one process at a time and after another look: one that looked long ago would remove
   * the lock of whoever came next. That right is a lock itself, so that it survives its holder's death as well.
   */
  private removeLock(name: string, dead: ProcessIdentity, candidate: string): ProcessIdentity | undefined {
    const right = `ended.${dead.pid}.${dead.startTime}.lock`;
    const other = this.takeLock(right, candidate);
    if (other !== undefined) return other;
    const holder = this.read<ProcessIdentity>(name);
    if (holder?.pid === dead.pid && holder.startTime === dead.startTime) rmSync(this.path(name), { force: true });
    rmSync(this.path(right), { force: true });
    return undefined;
  }

  /** Its files name programs to start, processes to end and folders to remove: nobody else's are believed. */
  private trust(): void {
    if (this.trusted || !this.exists) return;
    const reason = whyNotOwn(this.folder, 0o022);
    if (reason !== undefined) {
      throw new Failure('configuration_invalid', `The state folder ${this.folder} ${reason}; nothing in it was used.`, {
        hint: 'See who made it and what is in it. Close your own with `chmod go-w`, or name another by CUBESHIFT_HOME.',
      });
    }
    this.trusted = true;
  }

  private read<T>(name: string): T | undefined {
    const file = this.path(name);
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as T;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new Failure('unexpected', `The file ${file} is not readable as JSON.`, {
        hint: 'Put it back from a copy. `cubeshift down --purge` would start over, and delete all data of the stack.',
      });
    }
  }

  /** Whole or not at all, and readable by its owner only. */
  private write(name: string, content: unknown): void {
    const scratch = this.path(dirname(name), `.${basename(name)}.${process.pid}`);
    const file = openSync(scratch, 'w', 0o600);
    writeSync(file, `${JSON.stringify(content, null, 2)}\n`);
    closeSync(file);
    renameSync(scratch, this.path(name));
  }
}
