import { execFile } from 'node:child_process';
import { accessSync, constants, createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createBrotliDecompress } from 'node:zlib';
import { type Browser, chromium } from 'playwright-core';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';

/** A real browser without a window: the machine's own Chromium, or one that is fetched once. */
export class TestBrowser {
  private constructor(
    readonly browser: Browser,
    private readonly folder: string,
  ) {}

  static async start(): Promise<TestBrowser> {
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-chromium-'));
    const program = onPath('chromium') ?? (await unpackChromium(folder));
    const browser = await chromium.launch({
      executablePath: program,
      // A container has neither the rights for a sandbox nor room in /dev/shm.
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
      env: { PATH: process.env.PATH ?? '', HOME: folder, LD_LIBRARY_PATH: join(folder, 'lib') },
    });
    return new TestBrowser(browser, folder);
  }

  async stop(): Promise<void> {
    await this.browser.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The package holds the program and the libraries that a small system lacks, compressed. */
async function unpackChromium(folder: string): Promise<string> {
  const packed = dirname(await ensureArtifact('chromium', defaultCacheFolder(process.env), () => undefined));
  const program = join(folder, 'chromium');
  const unpack = (name: string, file: string, mode: number) =>
    pipeline(createReadStream(join(packed, name)), createBrotliDecompress(), createWriteStream(file, { mode }));
  await Promise.all([
    unpack('chromium.br', program, 0o755),
    ...['al2023', 'swiftshader'].map((name) => unpack(`${name}.tar.br`, join(folder, `${name}.tar`), 0o644)),
  ]);
  for (const name of ['al2023', 'swiftshader'])
    await promisify(execFile)('tar', ['-xf', join(folder, `${name}.tar`), '-C', folder]);
  return program;
}
