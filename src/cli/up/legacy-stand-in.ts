import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Failure, toFailure } from '../../base/failures.js';
import { packageRoot } from '../../base/package-root.js';
import { kindEntry, migrationKinds } from '../../domain/catalog.js';
import { connectClient } from '../../postgres/connect.js';
import type { StackHome } from '../../state/home.js';

/** Fills the embedded legacy database once: never one of the user's own. */
export async function fillWhenEmpty(
  env: Readonly<Record<string, string>>,
  records: number,
  folders: readonly string[],
): Promise<void> {
  if (await isFilled(env)) return;
  const entry = join(packageRoot(), 'dist', 'legacy', 'main.js');
  const { CRAWLER_SITE_URL: site } = env;
  const crawler = site === undefined ? [] : ['--crawler', site];
  const child = spawn(process.execPath, [entry, '--records', String(records), ...folders, ...crawler], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env.PATH, LEGACY_DATABASE_URL: env.LEGACY_DATABASE_URL },
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve);
    child.once('error', reject);
  }).catch((error: unknown) => {
    throw toFailure(error);
  });
  // One that a killed `up` left behind may have been quicker.
  if (code !== 0 && !(await isFilled(env)))
    throw new Failure('unexpected', 'The legacy stand-in could not be filled.', {
      hint: 'See the lines above; nothing of it was kept.',
    });
}

/** Where the stand-in lays out models and files, as its options: not where the caller names a folder of its own, which no program fills. */
export function standInFolders(environment: NodeJS.ProcessEnv, home: StackHome): readonly string[] {
  return [
    ...(environment.LEGACY_MODEL_DIR ? [] : ['--models', home.fileOf('legacyModels')]),
    ...(environment.LEGACY_STORAGE_DIR ? [] : ['--paperwork', home.fileOf('legacyFiles')]),
  ];
}

async function isFilled(env: Readonly<Record<string, string>>): Promise<boolean> {
  const client = await connectClient(env.LEGACY_DATABASE_URL ?? '', { applicationName: 'cubeshift up' });
  try {
    // They come in one transaction.
    const found = await client.query<{ there: boolean }>(
      `select bool_or(to_regclass('public.' || quote_ident(name)) is not null) as there from unnest($1::text[]) as name`,
      [migrationKinds.flatMap((kind) => kindEntry(kind).tables.map(({ name }) => name))],
    );
    return found.rows[0]?.there === true;
  } finally {
    await client.end();
  }
}
