import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../base/failures.js';
import {
  type DesiredCubes,
  newestState,
  type ObservedInstance,
  stateFile,
} from '../domain/deployment/desired-cubes.js';
import type { Release } from '../domain/deployment/releases.js';
import { type StateFile, stateFiles } from './files.js';
import { Locks } from './locks.js';
import { logName } from './logs.js';
import { PrivateFiles } from './private-files.js';
import type { ProcessIdentity } from './process-identity.js';
import { Releases } from './releases.js';
import { areWhole, chooseSettings, type PortName, type StackSettings, stackIdOf } from './settings.js';

const supervisorLock = 'supervisor';

/** A process of the stack as `ps` shows it. */
export interface ProcessEntry extends ProcessIdentity {
  readonly name: string;
  readonly port: number | null;
  readonly version: string;
  readonly state: 'starting' | 'ready' | 'stopped';
  /** When it was started again because the process before had died, and how that one ended. */
  readonly restarted?: { readonly at: string; readonly before: string };
}

/** The state folder of one stack: private to its user, and the only thing that survives its processes. */
export class StackHome {
  private readonly files: PrivateFiles;
  private readonly locks: Locks;
  private readonly kept: Releases;

  constructor(folder: string) {
    this.files = new PrivateFiles(folder);
    this.locks = new Locks(this.files);
    this.kept = new Releases(this.files);
  }

  get folder(): string {
    return this.files.folder;
  }

  /** Of something in it. Throws `configuration_invalid` when others may have put there what it is. */
  path(...parts: readonly string[]): string {
    return this.files.path(...parts);
  }

  /** The path of one of its files; throws as `path` does. */
  fileOf(file: StateFile): string {
    return this.path(stateFiles[file]);
  }

  /** The log of a program. */
  logOf(program: string): string {
    return this.path(stateFiles.logs, logName(program));
  }

  get exists(): boolean {
    return this.files.exists;
  }

  prepare(): void {
    this.files.checkPrivate();
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.files.checkPrivate();
    chmodSync(this.folder, 0o700);
    mkdirSync(this.fileOf('logs'), { recursive: true, mode: 0o700 });
  }

  /** The folders of other stacks in this one, as the demo's in the usual place of a stack. */
  nestedStacks(): readonly string[] {
    return readdirSync(this.folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(this.folder, entry.name, stateFiles.settings)))
      .map((entry) => join(this.folder, entry.name));
  }

  /** Removes all of it: out of the way at once, so that a start after a kill in between does not find half a stack. */
  remove(): void {
    const removed = `${this.folder}.removed`;
    rmSync(removed, { recursive: true, force: true });
    renameSync(this.folder, removed);
    rmSync(removed, { recursive: true, force: true });
  }

  /**
   * The settings of this stack, made at the first call: see `chooseSettings`. Throws `configuration_invalid` for settings
   * that an earlier state of this program made, and changes nothing.
   */
  async settings(
    inUse: ReadonlySet<number>,
    requested: Readonly<Partial<Record<PortName, number>>> = {},
  ): Promise<StackSettings> {
    const kept = this.files.read<Partial<StackSettings> | null>(stateFiles.settings);
    if (kept !== undefined && !areWhole(kept)) {
      throw new Failure(
        'configuration_invalid',
        `The stack in ${this.folder} was made by an earlier state of this program, which this one does not bring up; nothing was changed.`,
        { hint: 'Remove that stack and all its data with `cubeshift down --purge`; then bring up a new one.' },
      );
    }
    const settings = await chooseSettings(kept, inUse, requested);
    this.files.write(stateFiles.settings, settings);
    return settings;
  }

  /** The variables that the programs of this stack run with, as `up` was given them. */
  environment(): Readonly<Record<string, string>> | undefined {
    return this.files.read(stateFiles.environment);
  }

  recordEnvironment(environment: Readonly<Record<string, string>>): void {
    this.files.write(stateFiles.environment, environment);
  }

  /** Every value that a variable had because this stack chose it, by the variable's name. */
  embeddedValues(): Readonly<Record<string, readonly string[]>> {
    return this.files.read<Record<string, readonly string[]>>(stateFiles.embeddedValues) ?? {};
  }

  recordEmbeddedValues(values: Readonly<Record<string, readonly string[]>>): void {
    this.files.write(stateFiles.embeddedValues, values);
  }

  get secretsPath(): string {
    return this.fileOf('tokenSecrets');
  }

  /** The ports of the last start; undefined before the first. */
  get ports(): StackSettings['ports'] | undefined {
    return this.files.read<Partial<StackSettings> | null>(stateFiles.settings)?.ports;
  }

  /** Undefined before the first start. */
  get stackId(): string | undefined {
    const kept = this.files.read<Partial<StackSettings> | null>(stateFiles.settings);
    return kept?.passwordSecret === undefined ? undefined : stackIdOf({ passwordSecret: kept.passwordSecret });
  }

  /** The secret that was made for this stack; undefined before its first start. */
  get madeCubeSecret(): string | undefined {
    return this.files.read<StackSettings>(stateFiles.settings)?.cubeJwtSecret;
  }

  /** The secrets of cube tokens that were made while the stack ran, the former one too. */
  secretsInUse(): readonly string[] {
    const { cube } = this.files.read<{ cube?: { current?: string; previous?: string } }>(stateFiles.tokenSecrets) ?? {};
    return [cube?.current, cube?.previous].filter((secret) => secret !== undefined);
  }

  /** Puts secrets of tokens where the programs of this stack read them. */
  recordSecrets(secrets: unknown): void {
    this.files.write(stateFiles.tokenSecrets, secrets);
  }

  /** Where root's databases of this stack are, and who runs their servers; undefined while there are none. */
  databasePlace(): { readonly folder: string; readonly account: number } | undefined {
    return this.files.read(stateFiles.databases);
  }

  recordDatabasePlace(place: { readonly folder: string; readonly account: number }): void {
    this.files.write(stateFiles.databases, place);
  }

  /** Whether every program of it once ran: the first `up` may have failed, and every later one. */
  get hasComeUp(): boolean {
    return existsSync(this.fileOf('firstUp'));
  }

  recordUp(): void {
    if (!this.hasComeUp) this.files.write(stateFiles.firstUp, { at: new Date().toISOString() });
  }

  processes(): readonly ProcessEntry[] {
    return this.files.read<ProcessEntry[]>(stateFiles.processes) ?? [];
  }

  recordProcesses(entries: readonly ProcessEntry[]): void {
    this.files.write(stateFiles.processes, entries);
  }

  /** What should run of each cube; what was never deployed is not in it. */
  desiredCubes(): DesiredCubes {
    const folder = this.fileOf('desiredCubes');
    for (;;) {
      const number = newestState(existsSync(folder) ? readdirSync(folder) : []);
      if (number === 0) return {};
      const cubes = this.files.read<DesiredCubes>(join(stateFiles.desiredCubes, stateFile(number)));
      // Cleared away between the two reads: there are newer ones.
      if (cubes !== undefined) return cubes;
    }
  }

  recordInstances(instances: readonly ObservedInstance[]): void {
    this.files.write(stateFiles.observedCubes, instances);
  }

  instances(): readonly ObservedInstance[] {
    return this.files.read<ObservedInstance[]>(stateFiles.observedCubes) ?? [];
  }

  /** A release; undefined when there is none of this version. Throws `unexpected` for a file that holds none. */
  release(cubeId: string, version: string): Release | undefined {
    return this.kept.find(cubeId, version);
  }

  /** Every release of a cube, or of all, the oldest first. */
  releases(cubeId?: string): readonly Release[] {
    return this.kept.list(cubeId);
  }

  /** Keeps a release; a version that is there already stays what it is. Returns whether it was added. */
  addRelease(release: Release): boolean {
    return this.kept.add(release);
  }

  /** The living supervisor of this stack. */
  supervisor(): ProcessIdentity | undefined {
    return this.locks.holder(supervisorLock);
  }

  /** Makes the calling process the supervisor; throws `conflict` while another one lives. Returns how to end that. */
  lock(): () => void {
    return this.locks.acquire(
      supervisorLock,
      ({ pid }) =>
        new Failure('conflict', `The stack in ${this.folder} is already kept up by process ${pid}.`, {
          hint: 'Use it, or stop it with `cubeshift down`.',
        }),
    );
  }

  /** Does `work` while no other process does what goes by that name; throws `conflict` while one does. */
  async alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const release = this.locks.acquire(
      name,
      ({ pid }) => new Failure('conflict', `Process ${pid} is about that already.`, { hint: 'Wait until it is done.' }),
    );
    try {
      return await work();
    } finally {
      release();
    }
  }
}
