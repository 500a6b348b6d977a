import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { plantedAt } from '../legacy/planted.js';
import { packageVersion } from '../src/base/package-root.js';
import { Commands } from './commands.js';
import { findUsers } from './demo-users.js';
import { describeDocument, documentSteps, showDocument } from './documents.js';
import { describeFiles, fileSteps, showFiles, startFiles } from './files.js';
import { describeModels, modelSteps, modelsMigrationId, showModels } from './models.js';
import { describeReport, farewell } from './report.js';
import { SteadyUsers, sajuVisits } from './steady-users.js';
import { Steps } from './steps.js';
import { showSwitching, switchingSteps } from './switching.js';
import { describeSwitching } from './switching-report.js';

/**
 * The whole life of a copy, by the words an operator would type: bring up a stack, migrate, verify, complete, report; then
 * users go over to the cube and come back.
 * Killed at any time and started again, it goes on where it was; once finished, the next start begins afresh.
 */
const migrationId = 'demo';
const folder = resolve(process.env.CUBESHIFT_HOME ?? '.cubeshift', 'demo');
const { records, sharedMachine } = optionsAsked();
/** Users are counted once a second instead of once in ten: the demo's ramps take seconds. */
const cubeshift = new Commands(folder, { GATEWAY_WINDOW_SECONDS: '1' }, sharedMachine);
const requestsPerSecond = 200;
const steps = new Steps(
  4 + modelSteps + fileSteps + documentSteps + switchingSteps,
  (text) => void process.stderr.write(`${text}\n`),
);

process.stderr.write(
  `The demo has a stack of its own. To type commands on it, type \`export CUBESHIFT_HOME=${folder}\` first, then \`npx cubeshift …\`.\n`,
);
steps.begin('start the servers, a stand-in of legacy, workers, control API, cubes and gateway');
const begun = beginning();
if (begun !== undefined && (begun.finished || begun.records !== records)) await cubeshift.run('down', '--purge');
remember({ records, finished: false });

await cubeshift.run('up', '--detach', '--records', String(records), ...(sharedMachine ? ['--shared-machine'] : []));
steps.begin(
  `move ${records} saju records, the AI models and the paperwork files to their cubes at the same time, and compare everything`,
);
await cubeshift.run('migrate', 'start', 'ai-models', '--id', modelsMigrationId);
const env = (await cubeshift.read('env', '--json')) as Readonly<Record<string, string>>;
const clerks = await startFiles(cubeshift, env.GATEWAY_URL ?? '');
await cubeshift.run('migrate', 'start', 'saju-records', '--id', migrationId, '--wait');
steps.begin('accept the rows that were rejected, and complete the migration');
if (!(await isCompleted())) {
  const accept = ['--accept', '--by', 'demo', '--why', 'the stand-in plants a wrong row in a hundred'];
  await cubeshift.run('migrate', 'rejects', migrationId, ...accept, '--wait');
  await cubeshift.run('migrate', 'complete', migrationId, '--wait');
}
steps.begin('read the signed report');
const report = await cubeshift.read('migrate', 'report', migrationId);
process.stdout.write(`\n${describeReport(report, env)}\n`);
const models = await showModels(cubeshift, env.GATEWAY_URL ?? '', steps);
const files = await showFiles(cubeshift, clerks, steps);
const document = await showDocument(cubeshift, env.GATEWAY_URL ?? '', steps);
const switching = await switchUsers(env);
steps.finish();
const planted = await plantedAt(env.LEGACY_SAJU_URL ?? '');
process.stdout.write(
  `\n${describeModels(models)}\n\n${describeFiles(files)}\n\n${describeDocument(document)}\n\n${describeSwitching(switching, planted)}\n\n${farewell}\n`,
);
remember({ records, finished: true });

async function switchUsers({ GATEWAY_URL = '', LEGACY_DATABASE_URL = '' }: Readonly<Record<string, string>>) {
  const found = await findUsers(LEGACY_DATABASE_URL);
  const users = new SteadyUsers(GATEWAY_URL, found, requestsPerSecond, sajuVisits);
  try {
    return await showSwitching(cubeshift, users, packageVersion(), steps);
  } finally {
    await users.stop();
  }
}

/** Killed between completing and remembering it, an earlier demo leaves a run that has nothing left to do. */
async function isCompleted(): Promise<boolean> {
  const view = (await cubeshift.read('migrate', 'status', migrationId, '--json')) as { readonly status: string };
  return view.status === 'completed';
}

interface Beginning {
  readonly records: number;
  readonly finished: boolean;
}

function beginning(): Beginning | undefined {
  const file = join(folder, 'demo.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Beginning) : undefined;
}

function remember(state: Beginning): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'demo.json'), `${JSON.stringify(state)}\n`);
}

function optionsAsked() {
  const { values } = parseArgs({
    options: { records: { type: 'string', default: '100000' }, 'shared-machine': { type: 'boolean', default: false } },
  });
  if (!/^[1-9]\d{0,8}$/.test(values.records)) {
    process.stderr.write('--records takes a whole number from 1 to 999999999.\n');
    process.exit(2);
  }
  return { records: Number(values.records), sharedMachine: values['shared-machine'] };
}
