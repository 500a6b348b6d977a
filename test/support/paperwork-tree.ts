import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePaperwork, type Paperwork, type PaperworkSettings } from '../../legacy/paperwork/generate.js';
import { layOutPaperwork } from '../../legacy/paperwork/lay-out.js';

/** Legacy's files laid out in a folder of a test's own. */
export class PaperworkTree {
  private constructor(
    readonly root: string,
    /** LEGACY_STORAGE_DIR. */
    readonly files: string,
    readonly paperwork: Paperwork,
  ) {}

  static async create(settings: PaperworkSettings): Promise<PaperworkTree> {
    const root = mkdtempSync(join(tmpdir(), 'cubeshift-paperwork-'));
    const paperwork = generatePaperwork(settings);
    return new PaperworkTree(root, await layOutPaperwork(root, paperwork.entries), paperwork);
  }

  /** The path in the row of a special file. */
  pathOf(name: string): string {
    const id = this.paperwork.specialFiles.get(name);
    const row = this.paperwork.files.find((file) => file.id === id);
    if (row === undefined) throw new Error(`There is no special file ${name}.`);
    return row.path;
  }

  /** One line for each entry: its name as bytes, what it is, its rights, its time, and what it holds. */
  *lines(folder: Buffer = Buffer.from(this.root)): Generator<string> {
    const names = readdirSync(folder, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) {
      const path = Buffer.concat([folder, Buffer.from('/'), name]);
      const stat = lstatSync(path);
      const below = path.subarray(this.root.length + 1).toString('latin1');
      const place = `${JSON.stringify(below)} ${stat.mode.toString(8)}`;
      if (stat.isDirectory()) {
        yield place;
        yield* this.lines(path);
      } else if (stat.isSymbolicLink()) yield `${place} ${this.targetOf(path)}`;
      else if (stat.isFile()) yield `${place} ${stat.nlink} ${stat.mtimeMs} ${stat.size} ${contentOf(path, stat.size)}`;
      else yield place;
    }
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  private targetOf(path: Buffer): string {
    return readlinkSync(path, 'buffer').toString('latin1').replace(this.root, '');
  }
}

/** Files of holes are named by their size alone. */
function contentOf(path: Buffer, size: number): string {
  return size > 2 ** 30 ? 'holes' : createHash('sha256').update(readFileSync(path)).digest('hex');
}
