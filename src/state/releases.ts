import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../base/failures.js';
import { type Release, readRelease, versionsOf } from '../domain/deployment/releases.js';
import { linkNew } from './exclusive-link.js';
import { pathOf, stateFiles } from './files.js';
import type { PrivateFiles } from './private-files.js';
import { readJson } from './text-files.js';

/** The versions of cubes: `releases/<cube>/<version>.json`. */

const ending = '.json';

/** A release; undefined when there is none of this version, or the file holds none. */
export async function readReleaseOf(
  stateFolder: string,
  cubeId: string,
  version: string,
): Promise<Release | undefined> {
  return readRelease(await readJson(pathOf(stateFolder, 'releases', cubeId, `${version}${ending}`)));
}

/** The versions of a cube that are kept, sorted; undefined where that cannot be said. */
export async function readVersionsOf(stateFolder: string, cubeId: string): Promise<readonly string[] | undefined> {
  try {
    const cubes = await readdir(pathOf(stateFolder, 'releases'));
    return cubes.includes(cubeId) ? versionsOf(await readdir(pathOf(stateFolder, 'releases', cubeId))) : [];
  } catch {
    return undefined;
  }
}

/** Whether this process shares the state folder in which the versions of the cube are kept. */
export async function hasReleasesOf(stateFolder: string, cubeId: string): Promise<boolean> {
  return readdir(pathOf(stateFolder, 'releases', cubeId)).then(
    () => true,
    () => false,
  );
}

/** The releases as the owner of the state folder reads and adds them. */
export class Releases {
  constructor(private readonly files: PrivateFiles) {}

  /** A release; undefined when there is none of this version. Throws `unexpected` for a file that holds none. */
  find(cubeId: string, version: string): Release | undefined {
    const name = join(stateFiles.releases, cubeId, `${version}${ending}`);
    const content = this.files.read<unknown>(name);
    if (content === undefined) return undefined;
    const release = readRelease(content);
    if (release !== undefined) return release;
    throw new Failure('unexpected', `The file ${this.files.path(name)} is not a release.`, {
      hint: 'Remove it, and add the release again.',
    });
  }

  /** Every release of a cube, or of all, the oldest first. */
  list(cubeId?: string): readonly Release[] {
    return this.namesIn(stateFiles.releases)
      .filter((name) => cubeId === undefined || name === cubeId)
      .flatMap((cube) =>
        this.namesIn(stateFiles.releases, cube).flatMap((name) =>
          name.endsWith(ending) ? (this.find(cube, name.slice(0, -ending.length)) ?? []) : [],
        ),
      )
      .sort((one, other) => one.created_at.localeCompare(other.created_at));
  }

  /** Keeps a release; a version that is there already stays what it is. Returns whether it was added. */
  add(release: Release): boolean {
    const folder = join(stateFiles.releases, release.cube_id);
    const file = `${release.version}${ending}`;
    mkdirSync(this.files.path(folder), { recursive: true, mode: 0o700 });
    const candidate = join(folder, `.${file}.${process.pid}`);
    this.files.write(candidate, release);
    try {
      return linkNew(this.files.path(candidate), this.files.path(folder, file));
    } finally {
      rmSync(this.files.path(candidate), { force: true });
    }
  }

  private namesIn(...parts: readonly string[]): readonly string[] {
    const folder = this.files.path(...parts);
    return existsSync(folder) ? readdirSync(folder) : [];
  }
}
