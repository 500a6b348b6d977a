import type { Commands } from './commands.js';
import { FileUsers, type Uploads } from './file-users.js';
import type { Steps } from './steps.js';

const filesMigrationId = 'demo-files';
/** How many steps `showFiles` has. */
export const fileSteps = 1;

export interface FilesShown extends Uploads {
  /** Of the uploads, those that were read back at the end as they had been sent. */
  readonly whole: number;
  readonly migrated: number;
}

/** Starts the migration of files, which goes on beside the others, and users who upload files meanwhile. */
export async function startFiles(cubeshift: Commands, gatewayUrl: string): Promise<FileUsers> {
  await cubeshift.run('migrate', 'start', 'paperwork-files', '--id', filesMigrationId);
  return new FileUsers(gatewayUrl);
}

/** Waits for the files, brings the users who upload over and back, and asks for every file that was uploaded. */
export async function showFiles(cubeshift: Commands, users: FileUsers, steps: Steps): Promise<FilesShown> {
  steps.begin('see the files moved while users upload others, bring these users over and back, and read every upload');
  await cubeshift.run('migrate', 'start', 'paperwork-files', '--id', filesMigrationId, '--wait');
  await cubeshift.run('traffic', 'set', 'paperwork', '100');
  await users.untilMore(20);
  await cubeshift.run('migrate', 'verify', filesMigrationId, '--wait');
  await cubeshift.run('traffic', 'set', 'paperwork', '0');
  const uploads = await users.stop();
  const whole = await users.countWhole();
  await users.close();
  const { progress } = (await cubeshift.read('migrate', 'status', filesMigrationId, '--json')) as {
    readonly progress: { readonly migrated: number };
  };
  return { ...uploads, whole, migrated: progress.migrated };
}

const count = new Intl.NumberFormat('en');

/** What became of the files and of those that were uploaded meanwhile, on one screen. */
export function describeFiles({ uploaded, failed, byCube, whole, migrated }: FilesShown): string {
  const lines: [string, string][] = [
    ['files', `${count.format(migrated)} rows moved, with every byte read back from the store`],
    [
      'uploads',
      `${count.format(uploaded)} meanwhile, ${count.format(byCube)} of them by the cube; ${failed} failed, ${uploaded - whole} lost or changed`,
    ],
  ];
  return lines.map(([name, text]) => `${name.padEnd(13)} ${text}`).join('\n');
}
