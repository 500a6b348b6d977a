import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { give, writeInto } from './files.js';
import { type Bind, isRoot, type User } from './host.js';

/** A folder that becomes the root of containers, and what the steps of its image say of how they run. */
export interface Image {
  readonly root: string;
  readonly binds: readonly Bind[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables of the steps that are to come. */
  readonly arguments: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

/** Of Debian’s slim image, what tests need; not in it, as there: curl, wget, ps, python, clients of databases. */
const tools =
  `bash cat chmod chown cp date dash dirname env false grep head id install kill ln ls mkdir mktemp mv od printf rm sed
  sleep sort tail test touch tr true uname wc`.split(/\s+/);

/** The users of the images, as their files have them. */
const users: Readonly<Record<string, User>> = {
  root: { uid: 0, gid: 0 },
  node: { uid: 1000, gid: 1000 },
  temporal: { uid: 1000, gid: 1000 },
  postgres: { uid: 999, gid: 999 },
  redis: { uid: 999, gid: 999 },
};

export function userNamed(name: string): User {
  const user = users[name];
  if (user === undefined) throw new Error(`no image of these tests has a user ${name}`);
  return user;
}

/**
 * A root with this machine's libraries and Node.js, read-only, a few tools of its own, and users. `owner` is the user of the
 * image.
 */
export function makeBaseImage(root: string, owner: 'node' | 'postgres' | 'redis' | 'temporal'): Image {
  for (const folder of [
    'dev',
    'proc',
    'run',
    'root',
    'etc',
    'tmp',
    'var/run/postgresql',
    'usr/bin',
    'usr/lib',
    'usr/local/bin',
  ])
    mkdirSync(join(root, folder), { recursive: true, mode: 0o755 });
  chmodSync(join(root, 'tmp'), 0o1777);
  const home = `/home/${owner}`;
  ownedFolder(root, home, owner);
  const libraries = ['/usr/lib', '/usr/lib64', '/usr/lib32'].filter((folder) => isFolder(folder));
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    if (!existsSync(`/${name}`)) continue;
    if (lstatSync(`/${name}`).isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), join(root, name));
    else libraries.push(`/${name}`);
  }
  for (const tool of tools) {
    const found = ['/usr/bin', '/bin'].map((folder) => join(folder, tool)).find((file) => existsSync(file));
    if (found === undefined) throw new Error(`this machine has no ${tool}`);
    copyFileSync(realpathSync(found), join(root, 'usr/bin', tool));
  }
  symlinkSync('dash', join(root, 'usr/bin/sh'));
  if (!isRoot) copyFileSync(join(import.meta.dirname, 'images/install.sh'), join(root, 'usr/local/bin/install'));
  if (existsSync('/etc/ld.so.cache')) copyFileSync('/etc/ld.so.cache', join(root, 'etc/ld.so.cache'));
  const { uid, gid } = userNamed(owner);
  writeInto(root, 'etc/passwd', `root:x:0:0::/root:/bin/sh\n${owner}:x:${uid}:${gid}::${home}:/bin/sh\n`);
  writeInto(root, 'etc/group', `root:x:0:\n${owner}:x:${gid}:\n`);
  writeInto(root, 'etc/nsswitch.conf', 'hosts: files\n');
  writeInto(root, 'etc/hosts', '127.0.0.1 localhost\n');
  writeInto(root, 'usr/local/bin/node', '');
  const node = { source: process.execPath, target: '/usr/local/bin/node', readOnly: true };
  for (const folder of libraries) mkdirSync(join(root, folder), { recursive: true });
  return {
    root,
    binds: [...libraries.map((folder) => ({ source: folder, target: folder, readOnly: true })), node],
    environment: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: home },
    arguments: {},
    folder: '/',
    user: 'root',
    entrypoint: [],
    command: [],
  };
}

/** A folder of an image that belongs to its user. */
export function ownedFolder(root: string, path: string, owner: string): void {
  mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
  chmodSync(join(root, path), 0o700);
  give(join(root, path), userNamed(owner));
}

function isFolder(path: string): boolean {
  return existsSync(path) && lstatSync(path).isDirectory();
}
