import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Failure } from '../base/failures.js';
import { whyNotPrivate } from './private-folder.js';

/** JSON files of a folder that must be this user's own: they name programs to start, processes to end and folders to remove. */
export class PrivateFiles {
  readonly folder: string;
  private trusted = false;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  get exists(): boolean {
    return existsSync(this.folder);
  }

  /** Of something in the folder. Throws `configuration_invalid` when others may have put there what it is. */
  path(...parts: readonly string[]): string {
    this.checkPrivate();
    return join(this.folder, ...parts);
  }

  /** Throws `configuration_invalid` for a folder that another user made or may write to. */
  checkPrivate(): void {
    if (this.trusted || !this.exists) return;
    const reason = whyNotPrivate(this.folder, 0o022);
    if (reason !== undefined) {
      throw new Failure('configuration_invalid', `The state folder ${this.folder} ${reason}; nothing in it was used.`, {
        hint: 'See who made it and what is in it. Close your own with `chmod go-w`, or name another by CUBESHIFT_HOME.',
      });
    }
    this.trusted = true;
  }

  /** Undefined for a file that is not there; throws `unexpected` for one that is not JSON. */
  read<T>(name: string): T | undefined {
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
  write(name: string, content: unknown): void {
    const scratch = this.path(dirname(name), `.${basename(name)}.${process.pid}`);
    const file = openSync(scratch, 'w', 0o600);
    writeSync(file, `${JSON.stringify(content, null, 2)}\n`);
    closeSync(file);
    renameSync(scratch, this.path(name));
  }
}
