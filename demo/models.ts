import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { legacyModels, modelFiles } from '../legacy/ai-models/manifest.js';
import type { Commands } from './commands.js';
import { type Phase, SteadyUsers, type Visits } from './steady-users.js';
import type { Steps } from './steps.js';

export const modelsMigrationId = 'demo-models';
/** How many steps `showModels` has. */
export const modelSteps = 2;

/** What legacy's stand-in plants: on disk lies a file that is ten points worse than the one that legacy has loaded. */
const worse = 'worse-on-disk';
const asked = ['korean-documents', 'tumour-forest', 'visit-no-show'] as const;
const usersWanted = 100;
const predictionsPerSecond = 40;

/** A user, and what the user has a model predict. */
interface ModelUser {
  readonly userId: string;
  readonly model: string;
  readonly inputs: unknown;
}

export interface ModelsShown {
  readonly toCube: Phase;
  readonly back: Phase;
  readonly why: string;
}

const predictions: Visits<ModelUser> = {
  request: ({ userId, model, inputs }) => ({
    method: 'POST',
    path: `/api/ai/models/${model}/predict`,
    headers: { 'x-user-id': userId, 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: [inputs] }),
  }),
  isRight: ({ model }, _kind, text) => isAnswerOf(model, text),
};

/** Waits for the models, shows the one that is worse on disk, and brings the users of predictions over and back. */
export async function showModels(cubeshift: Commands, gatewayUrl: string, steps: Steps): Promise<ModelsShown> {
  steps.begin('see which models predict as well in the cube as in legacy, and which stay in legacy, and why');
  // The same id is the same run: it has been at work since the second step.
  await cubeshift.run('migrate', 'start', 'ai-models', '--id', modelsMigrationId, '--wait');
  await cubeshift.run('models', 'list');
  await cubeshift.run('migrate', 'rejects', modelsMigrationId, '--reason', 'accuracy_dropped');
  const why = await whyWorse(cubeshift);

  steps.begin('bring the users of predictions over to the cube, step by step, and take them back');
  await cubeshift.run('traffic', 'set', 'ai', '0');
  const users = new SteadyUsers(gatewayUrl, modelUsers(), predictionsPerSecond, predictions);
  try {
    await cubeshift.run('traffic', 'ramp', 'ai', '--steps', '25,50,100', ...quick, '--wait');
    const toCube = users.nextPhase();
    await cubeshift.run('traffic', 'set', 'ai', '0');
    const back = users.nextPhase();
    return { toCube, back, why };
  } finally {
    await users.stop();
  }
}

/** Seconds instead of hours. */
const quick = [
  '--interval',
  '3',
  '--check-interval',
  '1',
  '--min-requests',
  '20',
  '--min-users',
  '3',
  '--slow-seconds',
  '10',
];

async function whyWorse(cubeshift: Commands): Promise<string> {
  const id = legacyModels().find(({ row }) => row.name === worse)?.row.id;
  const { items } = (await cubeshift.read('migrate', 'rejects', modelsMigrationId, '--id', String(id), '--json')) as {
    readonly items: readonly { readonly reason: string; readonly detail: string }[];
  };
  return items.map(({ reason, detail }) => `${reason}: ${detail}`).join('; ');
}

/** Users who each have one model predict one of its held-out rows. */
function modelUsers(): readonly ModelUser[] {
  const models = legacyModels().filter(({ row }) => asked.some((name) => name === row.name));
  return models.flatMap(({ row: { name, metrics } }) =>
    readFileSync(join(modelFiles(), 'models', metrics?.test_set ?? ''), 'utf8')
      .split('\n', usersWanted)
      .filter((line) => line !== '')
      .map((line, place) => ({
        userId: `reader-${name}-${place}`,
        model: name,
        inputs: (JSON.parse(line) as { readonly inputs: unknown }).inputs,
      })),
  );
}

function isAnswerOf(model: string, text: string): boolean {
  try {
    const answer = JSON.parse(text) as { readonly model?: unknown; readonly outputs?: unknown };
    return answer.model === model && Array.isArray(answer.outputs) && answer.outputs.length === 1;
  } catch {
    return false;
  }
}

const count = new Intl.NumberFormat('en');

/** What became of the models and of their users, on one screen. */
export function describeModels({ toCube, back, why }: ModelsShown): string {
  const lines: [string, string][] = [
    [worse, `stays in legacy, which has the better file loaded: ${why}`],
    ['AI, 0 → 100 %', describePhase(toCube)],
    ['100 → 0 %', describePhase(back)],
  ];
  return lines.map(([name, text]) => `${name.padEnd(13)} ${text}`).join('\n');
}

function describePhase({ requests, failures, wrong, fromCube, slowestMillis }: Phase): string {
  return `${count.format(requests)} predictions, ${count.format(fromCube)} of them by the cube; ${failures} failed, ${wrong} wrong; the slowest took ${Math.round(slowestMillis)} ms`;
}
