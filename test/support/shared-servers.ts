import { existsSync, mkdtempSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { programs, runCubes } from '../../src/stack/programs/programs.js';
import { type RunningStack, startServers, stopStack } from '../../src/stack/stack.js';
import { StackHome } from '../../src/state/home.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Addresses of the servers that all test files share, the databases' as administrator; each makes databases and a namespace of its own there. */
    servers: {
      readonly legacyUrl: string;
      readonly cubeUrl: string;
      readonly temporalAddress: string;
      readonly temporalUiUrl: string;
      readonly redisUrl: string;
      /** What each program of a stack is told of the databases, by its name and by variable. */
      readonly programDatabases: Readonly<Record<string, Readonly<Record<string, string>>>>;
      readonly owners: Readonly<{ legacy: string; cube: string }>;
    };
    timeSkippingServer: string;
  }
}

/** Bytes: several times what a whole run leaves there. */
const roomNeeded = 8 * 2 ** 30;
const folder = mkdtempSync(join(dataFolder(), 'cubeshift-test-'));
let stack: RunningStack | undefined;

/** Before all tests: real servers, in a folder and on ports of their own. */
export async function setup(project: TestProject): Promise<void> {
  const log = (text: string) => void process.stderr.write(`${text}\n`);
  const cacheFolder = defaultCacheFolder(process.env);
  // Open, so that each test file reaches it without certificates; what is closed is tested on stacks of its own.
  stack = await startServers({
    home: new StackHome(folder),
    cacheFolder,
    environment: { CUBESHIFT_DATABASES: dataFolder() },
    log,
    temporalAccess: 'open',
  });
  project.provide('servers', {
    legacyUrl: stack.administratorUrls.legacy ?? '',
    cubeUrl: stack.administratorUrls.cube ?? '',
    temporalAddress: stack.env.TEMPORAL_ADDRESS ?? '',
    temporalUiUrl: stack.env.TEMPORAL_UI_URL ?? '',
    redisUrl: stack.env.REDIS_URL ?? '',
    programDatabases: Object.fromEntries(
      [...programs, ...runCubes.map(byCube)].map((program) => [program.name, stack?.databasesOf(program) ?? {}]),
    ),
    owners: { legacy: stack.env.LEGACY_DATABASE_URL ?? '', cube: stack.env.CUBE_DATABASE_URL ?? '' },
  });
  project.provide('timeSkippingServer', await ensureArtifact('temporal-test-server', cacheFolder, log));
}

function byCube({ cubeId, roles }: (typeof runCubes)[number]) {
  return { name: cubeId, readers: [cubeId], roles };
}

export async function teardown(): Promise<void> {
  await stack?.stop();
  await stopStack(new StackHome(folder), { purge: true });
}

/**
 * In memory where there is room: hundreds of databases are made and dropped, and a disk's file system takes a fifth of
 * what that costs. What must last is tested on servers of its own, on the disk.
 */
function dataFolder(): string {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return Math.min(bavail * bsize, freemem()) > roomNeeded ? memory : tmpdir();
}
