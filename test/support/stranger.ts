import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Whether this process may take another user's place. */
export const canBeStranger = process.getuid?.() === 0;

const look = `
  const { closeSync, openSync } = require('node:fs');
  const opens = (path, flags) => { try { closeSync(openSync(path, flags)); return true; } catch { return false; } };
  let text = '';
  process.stdin.on('data', (chunk) => { text += chunk; }).on('end', () => {
    const open = JSON.parse(text).filter((path) => opens(path, 'r') || opens(path, 'a'));
    process.stdout.write(JSON.stringify(open));
  });`;

/** A command as another local user, without any right of root's. */
export function asStranger(command: readonly string[]): [string, ...string[]] {
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
  return ['setpriv', ...drop, '--', ...command];
}

const listen = `
  const server = require('node:net').createServer((socket) => {
    process.stdout.write('somebody came');
    socket.on('data', (data) => process.stdout.write(data)).on('error', () => undefined);
  }).listen(Number(process.argv[1]), '127.0.0.1', () => process.stdout.write(server.address().port + '\\n'));
  process.stdin.on('end', () => process.exit()).resume();`;

/** A program of another local user that listens on a port of 127.0.0.1, and keeps what it is told. */
export async function listeningStranger(port = 0) {
  const [command, ...args] = asStranger([process.execPath, '-e', listen, '--', String(port)]);
  const child = spawn(command, args, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  while (!text.includes('\n')) await once(child.stdout, 'data');
  const [taken = '', ...rest] = text.split('\n');
  text = rest.join('\n');
  return {
    port: Number(taken),
    /** What it was told until now: `somebody came` for each connection, and what came over it. */
    heard: () => text,
    /** Ends it; returns everything that it was told. */
    told: async () => {
      child.stdin.end();
      await once(child, 'close');
      return text;
    },
  };
}

/** Those of the paths, files and folders, that another local user can read or write. */
export async function openToStrangers(paths: readonly string[]): Promise<readonly string[]> {
  const [command, ...args] = asStranger([process.execPath, '-e', look]);
  const running = promisify(execFile)(command, args, {
    cwd: '/',
    maxBuffer: 64 * 1024 * 1024,
  });
  running.child.stdin?.end(JSON.stringify(paths));
  return JSON.parse((await running).stdout) as string[];
}

/** A folder and everything below it. */
export function everythingIn(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return [folder, ...names].filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
}
