import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Failure } from '../../src/base/failures.js';
import type { RunReference } from '../../src/domain/migration/run-reference.js';
import { taskQueues } from '../../src/domain/task-queues.js';
import { until } from '../support/conditions.js';
import { addNewKind, bundleWithNewKind, newKind, removeNewKind } from '../support/new-kind.js';
import { itemSteps, itemsOf, withItems } from './fake-items.js';
import { type ActivityName, clean, failing, mismatch, workUntilStopped } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  addNewKind();
  server = await PlanServer.start(newKind, await bundleWithNewKind());
});
afterAll(async () => {
  removeNewKind();
  await server.stop();
});

test('items go through their steps, in order, between the copy and the verification', async () => {
  const run = await server.begin('in-order', (ledger) => withItems(ledger, 5));
  expect(await run.accept()).toBe('completed');
  const names = run.ledger.order;
  expect(names.indexOf('copyLane')).toBeLessThan(names.indexOf('runItemStep'));
  expect(names.lastIndexOf('runItemStep')).toBeLessThan(names.indexOf('verifyRows'));
  expect(run.ledger.states.map(({ stage }) => stage).filter((stage, place, all) => stage !== all[place - 1])).toEqual([
    'preflight',
    'copying',
    'verifying',
    'verified',
    'done',
  ]);
  const steps = itemSteps(run);
  expect([...steps].sort()).toEqual([1, 2, 3, 4, 5].flatMap((id) => [`${id} publish`, `${id} store`]));
  for (const id of [1, 2, 3, 4, 5]) expect(steps.indexOf(`${id} store`)).toBeLessThan(steps.indexOf(`${id} publish`));
});

test('an item has a workflow of its own, named after kind, run and item', async () => {
  const run = await server.begin('own-workflow', (ledger) => withItems(ledger, 1));
  await run.ledger.untilState('waiting', 'verified');
  const { status, type } = await server.environment.client.workflow.getHandle(`${newKind}/own-workflow/1`).describe();
  expect({ status: status.name, type }).toEqual({ status: 'COMPLETED', type: 'itemMigration' });
});

test('no more items are at work at a time than the catalogue says', async () => {
  let max = 0;
  const run = await server.begin('parallel', (ledger) => {
    const { done } = withItems(ledger, 12);
    ledger.answer('runItemStep', async (_run, item, step) => {
      max = Math.max(max, ledger.working('runItemStep'));
      await sleep(50);
      if (step === 'publish') done.add(item.id);
      return { kind: 'done' };
    });
  });
  await run.ledger.untilState('waiting', 'verified');
  expect(max).toBe(3);
});

test('an unfit item is taken back and becomes a reject, and the others go on', async () => {
  const run = await server.begin('unfit', (ledger) => {
    const { done } = withItems(ledger, 4);
    ledger.answer('runItemStep', async (_run, item, step) => {
      if (item.id === '2' && step === 'publish') return { kind: 'unfit', reason: 'drawing_unreadable', detail: 'torn' };
      if (step === 'publish') done.add(item.id);
      return { kind: 'done' };
    });
    ledger.answer('rejectItems', async (_run, rejected) => {
      for (const { item } of rejected) done.add(item.id);
    });
  });
  expect(await run.accept()).toBe('completed');
  const undone = run.ledger.calls.filter(({ name }) => name === 'undoItem').map(({ args }) => args[1]);
  expect(undone).toEqual(itemsOf(2));
  // Without items it looks only for children that were left.
  const rejected = run.ledger.calls
    .filter(({ name }) => name === 'rejectItems')
    .map(({ args }) => args[1])
    .filter((items) => Array.isArray(items) && items.length > 0);
  expect(rejected).toEqual([[{ item: itemsOf(2)[0], kind: 'unfit', reason: 'drawing_unreadable', detail: 'torn' }]]);
  const names = run.ledger.order;
  expect(names.indexOf('undoItem')).toBeLessThan(names.indexOf('rejectItems'));
  expect(names.indexOf('rejectItems')).toBeLessThan(names.indexOf('verifyRows'));
});

test('too many unfit items block the run before it verifies anything', async () => {
  let open = 0;
  const run = await server.begin('too-many-unfit', (ledger) => {
    withItems(ledger, 2);
    ledger.answer('runItemStep', async () => ({ kind: 'unfit', reason: 'drawing_unreadable', detail: 'torn' }));
    ledger.answer('rejectItems', async (_run, rejected) => {
      open += rejected.length * 1000;
    });
    ledger.answer('countRejects', async () => ({
      open,
      unresolved: open,
      topReasons: [{ reason: 'drawing_unreadable', count: open }],
    }));
    ledger.answer('acceptRejects', async () => {
      open = 0;
      ledger.answer('listItems', async () => ({ items: [], next: null }));
      return 2;
    });
  });
  const blocked = await run.ledger.untilState('blocked', 'copying');
  expect(blocked.error?.type).toBe('too_many_rejects');
  expect(run.ledger.count('verifyRows')).toBe(0);
  await run.steer('rejects/accept');
  expect(await run.accept()).toBe('completed');
});

test.each(['copying', 'verifying'] as const)(
  'a verify of a run that too many unfit items block at %s compares both sides, and a change that follows has a state of its own',
  async (stage) => {
    let isFit = stage === 'verifying';
    const run = await server.begin(`verify-${stage}`, (ledger) => {
      const { done } = withItems(ledger, 2);
      const move = async (_run: unknown, { id }: { readonly id: string }, step: string) => {
        if (!isFit) return { kind: 'unfit', reason: 'drawing_unreadable', detail: 'torn' } as const;
        if (step === 'publish') done.add(id);
        return { kind: 'done' } as const;
      };
      ledger.answer('runItemStep', move);
      ledger.answer('countRejects', async () => ({
        open: isFit ? 0 : 1000,
        unresolved: 0,
        topReasons: [],
      }));
      ledger.answer('retryRejects', async () => {
        isFit = true;
        return { finished: true };
      });
      if (stage === 'copying') return;
      ledger.next('verifyRows', async () => {
        isFit = false;
        done.clear();
        return mismatch;
      });
    });
    if (stage === 'verifying') {
      await run.ledger.untilState('blocked', 'verifying');
      await run.steer('repair');
    }
    const blocked = async (after: number) => {
      const state = await run.ledger.untilState('blocked', stage === 'copying' ? stage : 'verifying', after);
      expect(state).toMatchObject({ blockedBy: 'too_many_rejects' });
      return state.sequence;
    };
    const before = run.ledger.state?.sequence ?? 0;
    const first = await blocked(before);
    const compared = run.ledger.count('verifyRows');
    await run.steer('verify');
    await blocked(first);
    expect(run.ledger.count('verifyRows')).toBe(compared + 1);
    const sequenceOf = (name: ActivityName) =>
      (run.ledger.calls.findLast((call) => call.name === name)?.args[0] as RunReference | undefined)?.sequence ?? 0;
    const verified = sequenceOf('startVerification');
    await run.steer('rejects/retry');
    expect(await run.accept()).toBe('completed');
    expect(sequenceOf('retryRejects')).toBeGreaterThan(verified);
    const checks = run.ledger.calls.filter(({ name }) => name === 'startVerification' || name === 'rejectItems');
    const begun = new Set<number>();
    for (const { name, args } of checks) {
      const { sequence } = args[0] as RunReference;
      if (name === 'rejectItems') expect(begun).not.toContain(sequence);
      else begun.add(sequence);
    }
  },
);

test('a pause is not kept waiting by the undo of an unfit item, and resume makes up for it', async () => {
  const run = await server.begin('paused-undo', (ledger) => {
    const { done } = withItems(ledger, 1);
    ledger.answer('runItemStep', async () => ({ kind: 'unfit', reason: 'drawing_unreadable', detail: 'torn' }));
    ledger.answer('rejectItems', async (_run, rejected) => {
      for (const { item } of rejected) done.add(item.id);
    });
    ledger.answer('undoItem', failing('cube_unreachable'));
  });
  await run.ledger.untilCalled('undoItem', 2);
  await run.steer('pause');
  await run.ledger.untilState('paused', 'copying', 0, 5000);
  run.ledger.mend('undoItem');
  const undone = run.ledger.count('undoItem');
  await run.steer('resume');
  expect(await run.accept()).toBe('completed');
  expect(run.ledger.count('undoItem')).toBeGreaterThan(undone);
});

test('a pause stops every item that is at work, and resume goes on with those', async () => {
  const run = await server.begin('paused', (ledger) => {
    withItems(ledger, 3);
    ledger.next('runItemStep', ...[1, 2, 3].map(() => () => workUntilStopped<{ kind: 'done' }>({ kind: 'done' })));
  });
  await run.ledger.untilWorking('runItemStep', 3);
  await run.steer('pause');
  expect((await run.ledger.untilState('paused', 'copying')).busy).toEqual([]);
  for (const id of [1, 2, 3]) {
    const { status } = await server.environment.client.workflow.getHandle(`${newKind}/paused/${id}`).describe();
    expect(status.name).toBe('COMPLETED');
  }
  await run.steer('resume');
  expect(await run.accept()).toBe('completed');
});

test('a cancelled run stops its items, gives back those in the middle, and keeps what was moved', async () => {
  const run = await server.begin('cancelled', (ledger) => {
    withItems(ledger, 3);
    ledger.next('runItemStep', () => workUntilStopped<{ kind: 'done' }>({ kind: 'done' }));
  });
  await run.ledger.untilWorking('runItemStep');
  await run.steer('cancel');
  expect(await run.end()).toBe('cancelled');
  const undone = run.ledger.calls.filter(({ name }) => name === 'undoItems').map(({ args }) => args[1]);
  expect(undone).toEqual(['unfinished']);
  expect(run.ledger.count('removeMovedRows')).toBe(0);
});

test('a rollback undoes items before their rows', async () => {
  const run = await server.begin('rolled-back', (ledger) => withItems(ledger, 2));
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('rollback');
  expect(await run.end()).toBe('rolled_back');
  expect(run.ledger.order.slice(-2)).toEqual(['undoItems', 'removeMovedRows']);
  expect(run.ledger.calls.find(({ name }) => name === 'undoItems')?.args[1]).toBe('all');
});

test('items that could not be undone keep no row but their own, and are named', async () => {
  const run = await server.begin('undo-left', (ledger) => {
    withItems(ledger, 1);
    ledger.answer('undoItems', failing('undo_incomplete'));
    ledger.answer('removeMovedRows', failing('undo_incomplete'));
  });
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('rollback');
  expect(await run.end()).toBe('failed');
  expect(run.ledger.count('removeMovedRows')).toBe(1);
  expect(run.ledger.state?.error).toMatchObject({
    type: 'undo_incomplete',
    message:
      'Not undone: undoItems (A sentence about undo_incomplete.), removeMovedRows (A sentence about undo_incomplete.)',
  });
});

test('many items are moved in more than one history, and no child is left behind by any', {
  timeout: 120_000,
}, async () => {
  const run = await server.begin('many', (ledger) => withItems(ledger, 250));
  await server.fly(() => run.ledger.untilState('waiting', 'verified'));
  expect((await run.carried())?.undos).toEqual(['removeMovedRows', 'undoItems']);
  expect(itemSteps(run)).toHaveLength(500);
  let id: string | null | undefined;
  for (;;) {
    const events = await run.events(id);
    const count = (name: string) => events.filter((event) => name in event && event[name as keyof typeof event]).length;
    expect(count('childWorkflowExecutionCompletedEventAttributes')).toBe(
      count('childWorkflowExecutionStartedEventAttributes'),
    );
    expect(events.length).toBeLessThan(3000);
    id = events[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    if (!id) break;
  }
});

test('a long verification is continued as new, and changes no item in a state in which it compares', {
  timeout: 120_000,
}, async () => {
  let rounds = 0;
  const run = await server.begin('long-verification', (ledger) => {
    withItems(ledger, 2);
    const begunIn = new Set<number>();
    ledger.answer('startVerification', async ({ sequence }) => {
      begunIn.add(sequence);
      return 'verification-1';
    });
    // As the ledger does, after which the step would be retried for ever.
    ledger.answer('rejectItems', async ({ sequence }) => {
      if (begunIn.has(sequence)) throw new Failure('claim_lost', 'A verification was begun in this state.');
    });
    ledger.answer('verifyRows', async () => (++rounds < 300 ? { kind: 'round_over' } : clean));
  });
  await run.ledger.untilState('waiting', 'verified', 0, 90_000);
  expect(await run.carried()).toMatchObject({ stage: 'verifying', verificationId: 'verification-1' });
  expect(run.ledger.count('startVerification')).toBe(1);
  expect(rounds).toBe(300);
  expect(await run.accept()).toBe('completed');
});

test('items that a repair or a retry left to do are done before the next verification', async () => {
  const run = await server.begin('repaired', (ledger) => {
    const { done } = withItems(ledger, 2);
    ledger.next(
      'verifyRows',
      async () => mismatch,
      async () => clean,
    );
    ledger.answer('repairRows', async () => {
      done.delete('1');
      return { finished: true };
    });
  });
  await run.ledger.untilState('blocked', 'verifying');
  await run.steer('repair');
  await run.ledger.untilState('waiting', 'verified');
  expect(itemSteps(run).slice(-2)).toEqual(['1 store', '1 publish']);
  const names = run.ledger.calls.map(({ name }) => name);
  expect(names.lastIndexOf('runItemStep')).toBeLessThan(names.lastIndexOf('verifyRows'));
});

test('items that a retry in the middle of the items left to do are done before the next verification', async () => {
  let open = 0;
  const run = await server.begin('reopened', (ledger) => {
    const { done } = withItems(ledger, 2);
    ledger.answer('countRejects', async () => ({ open, unresolved: open, topReasons: [] }));
    ledger.next(
      'verifyRows',
      async () => mismatch,
      async () => clean,
    );
    ledger.answer('repairRows', async () => {
      done.delete('2');
      open = 1000;
      return { finished: true };
    });
    ledger.answer('retryRejects', async () => {
      done.delete('1');
      open = 0;
      return { finished: true };
    });
  });
  const { sequence } = await run.ledger.untilState('blocked', 'verifying');
  await run.steer('repair');
  const blocked = await run.ledger.untilState('blocked', 'verifying', sequence);
  expect(blocked.error?.type).toBe('too_many_rejects');
  await run.steer('rejects/retry');
  await run.ledger.untilState('waiting', 'verified');
  expect(itemSteps(run).slice(-4)).toEqual(['2 store', '2 publish', '1 store', '1 publish']);
  const names = run.ledger.calls.map(({ name }) => name);
  expect(names.lastIndexOf('runItemStep')).toBeLessThan(names.lastIndexOf('verifyRows'));
});

test('an item is started by its plan alone', async () => {
  const handle = await server.environment.client.workflow.start('itemMigration', {
    workflowId: `${newKind}/alone/1`,
    taskQueue: taskQueues.control,
    args: [{ migrationId: 'alone', kind: newKind, sequence: 1 }, itemsOf(1)[0]],
  });
  await expect(handle.result()).rejects.toMatchObject({
    cause: { message: 'An item is moved by the plan of its migration alone.' },
  });
});

test('an item that was cancelled by other means than the run is started again', async () => {
  const run = await server.begin('cancelled-outside', (ledger) => {
    withItems(ledger, 1);
    ledger.next('runItemStep', () => workUntilStopped<{ kind: 'done' }>({ kind: 'done' }));
  });
  await run.ledger.untilWorking('runItemStep');
  await server.environment.client.workflow.getHandle(`${newKind}/cancelled-outside/1`).cancel();
  await until('the item to be started again', () => run.ledger.count('runItemStep') > 1);
  expect(await run.accept()).toBe('completed');
});
