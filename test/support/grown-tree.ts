import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';

const copied = [
  'bin',
  'legacy',
  'migrations',
  'scripts',
  'src',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.client.json',
];

/** A copy of the source tree, in which a kind is added as an engineer would. */
export class GrownTree {
  readonly folder = mkdtempSync(join(tmpdir(), 'cubeshift-grown-'));

  constructor() {
    for (const name of copied) cpSync(join(packageRoot(), name), join(this.folder, name), { recursive: true });
    symlinkSync(join(packageRoot(), 'node_modules'), join(this.folder, 'node_modules'));
  }

  /** `src/kinds/<kind>/`, from a folder of this repository's tests. */
  addKindFolder(kind: string, from: string): void {
    const to = join(this.folder, 'src', 'kinds', kind);
    mkdirSync(to);
    for (const name of readdirSync(from)) {
      const text = readFileSync(join(from, name), 'utf8');
      const moved = text.replaceAll("'../../../src/kinds/", "'../").replaceAll("'../../../src/", "'../../");
      writeFileSync(join(to, name), moved);
    }
  }

  addFile(file: string, text: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    writeFileSync(join(this.folder, file), text);
  }

  append(file: string, text: string): void {
    appendFileSync(join(this.folder, file), text);
  }

  /** Throws unless the file has `before` exactly once. */
  replace(file: string, before: string, after: string): void {
    const path = join(this.folder, file);
    const parts = readFileSync(path, 'utf8').split(before);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times ${before}`);
    writeFileSync(path, parts.join(after));
  }

  /** Puts a line behind the one that has `after` in it; throws unless exactly one has. */
  addLine(file: string, after: string, line: string): void {
    const path = join(this.folder, file);
    const lines = readFileSync(path, 'utf8').split('\n');
    const places = lines.flatMap((one, place) => (one.includes(after) ? [place] : []));
    if (places.length !== 1) throw new Error(`${places.length} lines of ${file} have ${after}`);
    lines.splice((places[0] ?? 0) + 1, 0, line);
    writeFileSync(path, lines.join('\n'));
  }

  /** Under the number behind the newest. */
  addMigration(name: string, sql: string): void {
    const numbers = readdirSync(join(this.folder, 'migrations')).map((file) => Number.parseInt(file, 10));
    const next = String(Math.max(...numbers) + 1).padStart(4, '0');
    writeFileSync(join(this.folder, 'migrations', `${next}_${name}.sql`), sql);
  }

  /** Runs a program of the tree's packages or scripts; throws what it says when it fails. */
  async run(...args: readonly string[]): Promise<void> {
    const child = spawn(process.execPath, args, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    const [status] = await once(child, 'close');
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}:\n${said}`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
