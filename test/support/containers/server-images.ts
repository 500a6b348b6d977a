import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../src/base/package-root.js';
import type { ArtifactName } from '../../../src/stack/downloads/artifacts.js';
import { defaultCacheFolder, ensureArtifact } from '../../../src/stack/downloads/fetch.js';
import { type Image, makeBaseImage, ownedFolder } from './base-image.js';
import { writeInto } from './files.js';

/**
 * Roots in place of the images of others, with the real servers that a stack fetches. PostgreSQL’s and Redis’ run the
 * commands of the file. Temporal’s is the development server, on SQLite. Null for an image that has no such server.
 */
export async function makeServerImage(name: string, root: string): Promise<Image | null> {
  if (/^postgres:16\b/.test(name)) return postgres(root);
  if (/^redis:8\b/.test(name)) return redis(root);
  if (/^temporalio\/auto-setup:1\b/.test(name)) return temporal(root);
  if (/^temporalio\/ui:2\b/.test(name)) return null;
  throw new Error(`these tests have no server in place of ${name}`);
}

async function postgres(root: string): Promise<Image> {
  const image = makeBaseImage(root, 'postgres');
  const installed = dirname(dirname(await fetched('postgres')));
  for (const folder of ['/var/lib/postgresql/data', '/var/run/postgresql']) ownedFolder(root, folder, 'postgres');
  mkdirSync(join(root, 'docker-entrypoint-initdb.d'));
  mkdirSync(join(root, 'opt/postgresql'), { recursive: true });
  writeInto(root, 'usr/local/bin/docker-entrypoint.sh', '');
  for (const tool of ['docker-entrypoint.sh', 'psql.mjs', 'pg-isready.mjs']) install(root, tool);
  return {
    ...withPackages(image),
    binds: [...withPackages(image).binds, { source: installed, target: '/opt/postgresql', readOnly: true }],
    environment: { ...image.environment, PATH: `/opt/postgresql/bin:${image.environment.PATH}`, LANG: 'C.UTF-8' },
    user: 'postgres',
    entrypoint: ['docker-entrypoint.sh'],
  };
}

async function redis(root: string): Promise<Image> {
  const image = makeBaseImage(root, 'redis');
  const program = await fetched('redis');
  ownedFolder(root, '/data', 'redis');
  writeInto(root, 'usr/local/bin/redis-server', '');
  install(root, 'redis-cli.mjs');
  const server = { source: program, target: '/usr/local/bin/redis-server', readOnly: true };
  return { ...withPackages(image), binds: [...withPackages(image).binds, server], folder: '/data' };
}

async function temporal(root: string): Promise<Image> {
  const image = makeBaseImage(root, 'temporal');
  writeInto(root, 'usr/local/bin/temporal', '');
  const program = { source: await fetched('temporal'), target: '/usr/local/bin/temporal', readOnly: true };
  const where = ['--ip', '0.0.0.0', '--port', '7233', '--headless', '--db-filename', '/home/temporal/server.db'];
  return {
    ...image,
    binds: [...image.binds, program],
    user: 'temporal',
    command: ['temporal', 'server', 'start-dev', ...where, '--log-level', 'warn'],
  };
}

function fetched(name: ArtifactName): Promise<string> {
  return ensureArtifact(name, defaultCacheFolder(process.env), () => undefined);
}

/** A tool of an image, in the words of this repository. */
function install(root: string, file: string): void {
  const name = file.replace(/\.mjs$/, '').replace('pg-isready', 'pg_isready');
  const target = file.endsWith('.mjs') ? join(root, 'opt/tools', file) : join(root, 'usr/local/bin', name);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(import.meta.dirname, 'images', file), target);
  chmodSync(target, 0o755);
  if (file.endsWith('.mjs'))
    writeInto(root, `usr/local/bin/${name}`, `#!/bin/sh\nexec node /opt/tools/${file} "$@"\n`, 0o755);
}

/** The tools use packages. */
function withPackages(image: Image): Image {
  mkdirSync(join(image.root, 'opt/tools/node_modules'), { recursive: true });
  const packages = { source: join(packageRoot(), 'node_modules'), target: '/opt/tools/node_modules', readOnly: true };
  return { ...image, binds: [...image.binds, packages] };
}
