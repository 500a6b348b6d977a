import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { workflowBundlePath } from '../../src/workers/worker.js';
import { bundleWithNewKind } from '../support/new-kind.js';
import { quietRuntime } from '../support/quiet-runtime.js';
import { fromText, historiesFolder, planVersion } from './histories.js';

type WorkflowBundle = NonNullable<WorkerOptions['workflowBundle']>;

Runtime.install(quietRuntime);

const saved = await Promise.all(
  (await readdir(join(packageRoot(), 'test', 'replay', 'histories'))).flatMap((version) =>
    readdir(historiesFolder(version)).then((files) => files.map((file) => join(historiesFolder(version), file))),
  ),
).then((paths) => paths.flat().sort());
const histories = await Promise.all(
  saved.map(async (path) => ({
    scenario: path.split('/').slice(-2).join('/').replace('.json', ''),
    history: await load(path),
    // Of the kind that tests add.
    ofItems: basename(path).startsWith('item'),
  })),
);

function load(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

test('each scenario has a history of the version in the making', () => {
  const names = saved
    .filter((path) => path.startsWith(historiesFolder(planVersion)))
    .map((path) => basename(path, '.json'));
  expect(names).toEqual([
    'blocked-by-rejects-then-accepted',
    'cancelled',
    'continued-as-new-1',
    'continued-as-new',
    'crawl-done',
    'crawl-stopped',
    'cube-deployed',
    'cube-rollback-escalated-then-acknowledged',
    'cube-rollback-worker-killed',
    'cube-rolled-back',
    'cube-taken-back',
    'document-read',
    'document-unreadable',
    'files-passed',
    'happy-path',
    'item-moved',
    'item-unfit',
    'items-completed',
    'items-rolled-back',
    'mismatch-repaired',
    'models-passed',
    'paused-and-resumed',
    'ramp-completed',
    'ramp-paused-set-and-killed',
    'ramp-went-back-and-stopped',
    'rolled-back',
    'worker-killed-mid-copy',
  ]);
});

describe.each(histories)('$scenario', ({ history, ofItems }) => {
  test('replays against the plans as they are now', async () => {
    await replay(history, ofItems ? await bundleWithNewKind() : undefined);
  });

  test('holds neither record contents nor a payload over 64 kB', () => {
    const payloads = [...payloadsOf(JSON.parse(history))];
    expect(payloads.length).toBeGreaterThan(0);
    for (const data of payloads) {
      expect(data.length).toBeLessThan(64 * 1024);
      expect(data).not.toMatch(recordContents);
    }
    expect(fromText(history).events?.length).toBeLessThan(2000);
  });
});

test('the killed worker was killed at work', async () => {
  const { events } = fromText(await load(join(historiesFolder(planVersion), 'worker-killed-mid-copy.json')));
  const attempts = events?.map(({ activityTaskStartedEventAttributes: started }) => started?.attempt ?? 0) ?? [];
  expect(Math.max(...attempts)).toBeGreaterThan(1);
});

test('a plan that takes the same steps in another order does not replay', async () => {
  const history = await load(join(historiesFolder(planVersion), 'happy-path.json'));
  const code = await readFile(workflowBundlePath, 'utf8');
  const swapped = code
    .replace(/await (steps[$\d]*)\.countCopied\(run\.reference\)/, 'await $1.FIRST(run.reference)')
    .replace(/await (steps[$\d]*)\.countRejects\(run\.reference\)/, 'await $1.countCopied(run.reference)')
    .replace(/await (steps[$\d]*)\.FIRST\(run\.reference\)/, 'await $1.countRejects(run.reference)');
  expect(swapped).not.toBe(code);
  await expect(replay(history, { code: swapped })).rejects.toThrow(DeterminismViolationError);
});

test('a history in which two steps changed places does not replay', async () => {
  const history = await load(join(historiesFolder(planVersion), 'happy-path.json'));
  const tampered = history
    .replaceAll('"name":"startVerification"', '"name":"FIRST"')
    .replaceAll('"name":"verifyRows"', '"name":"startVerification"')
    .replaceAll('"name":"FIRST"', '"name":"verifyRows"');
  expect(tampered).not.toBe(history);
  await expect(replay(tampered)).rejects.toThrow(DeterminismViolationError);
});

test('a plan without the step that a history ends in does not replay', async () => {
  const history = await load(join(historiesFolder(planVersion), 'happy-path.json'));
  const code = await readFile(workflowBundlePath, 'utf8');
  const without = code.replaceAll(/await run\.step\(["']done["'], \(\) => finalize[$\d]*\(run\.reference\)\);/g, '');
  expect(without).not.toBe(code);
  await expect(replay(history, { code: without })).rejects.toThrow(DeterminismViolationError);
});

test('a plan that does not look for what a stopped round left of unfit items does not replay', async () => {
  const history = await load(join(historiesFolder(planVersion), 'items-completed.json'));
  const code = await codeWithNewKind();
  const without = code.replace(/await run\.step\(stage, \(\) => rejectItems[$\d]*\(run\.reference, \[\]\)\);/, '');
  expect(without).not.toBe(code);
  await expect(replay(history, { code: without })).rejects.toThrow(DeterminismViolationError);
});

test.each(['files-passed', 'models-passed'])(
  'a plan that verifies without a pass before does not replay: %s',
  async (name) => {
    const history = await load(join(historiesFolder(planVersion), `${name}.json`));
    const code = await readFile(workflowBundlePath, 'utf8');
    const without = code.replaceAll(/\.passes !== true/g, '.passes !== undefined');
    expect(without).not.toBe(code);
    await expect(replay(history, { code: without })).rejects.toThrow(DeterminismViolationError);
  },
);

test('an item that is found unfit and not taken back does not replay', async () => {
  const history = await load(join(historiesFolder(planVersion), 'item-unfit.json'));
  const code = await codeWithNewKind();
  const without = code.replace(/await undoItem[$\d]*\(run, item\);/, '');
  expect(without).not.toBe(code);
  await expect(replay(history, { code: without })).rejects.toThrow(DeterminismViolationError);
});

test('a ramp that goes back without a word to the audit does not replay', async () => {
  const history = await load(join(historiesFolder(planVersion), 'ramp-went-back-and-stopped.json'));
  const code = await readFile(workflowBundlePath, 'utf8');
  const without = code.replace(
    /\brecordMove[$\d]*\(ramp, \{\s*action: (["'])ramp\.back\1/,
    "((..._) => undefined)(ramp, { action: 'ramp.back'",
  );
  expect(without).not.toBe(code);
  await expect(replay(history, { code: without })).rejects.toThrow(DeterminismViolationError);
});

async function codeWithNewKind(): Promise<string> {
  const bundle = await bundleWithNewKind();
  return 'code' in bundle ? bundle.code : readFile(bundle.codePath, 'utf8');
}

function replay(history: string, workflowBundle: WorkflowBundle = { codePath: workflowBundlePath }): Promise<void> {
  return Worker.runReplayHistory({ workflowBundle }, fromText(history), 'saju-records/replayed');
}

/** Fields of rows, pillars in hangul, and what the generator writes into texts. */
const recordContents = /interpretation"|birth_|_pillar"|saju_chart|[가-힣㐀-鿿]/u;

/** Whatever the history carries for plans, steps and operators, as text. */
function* payloadsOf(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* payloadsOf(item);
  else if (typeof value === 'object' && value !== null) {
    if ('data' in value && typeof value.data === 'string') yield Buffer.from(value.data, 'base64').toString('utf8');
    else for (const item of Object.values(value)) yield* payloadsOf(item);
  }
}
