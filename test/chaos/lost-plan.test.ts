import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { finalizeBatches, readStateSequence, recordRunState } from '../../src/postgres/ledger/run-state.js';
import { readStart } from '../../src/postgres/ledger/runs.js';
import { createMigrationWorkflows } from '../../src/services/control/migrations/workflows.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, prove } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

let databases: TestDatabases;
let engine: Engine;
let temporal: Connection;

beforeAll(async () => {
  databases = await createDatabases(12_000);
  engine = await Engine.start(databases);
  temporal = await Connection.connect({ address: engine.temporalAddress });
});
afterAll(async () => {
  await temporal.close();
  await engine.stop();
  await databases.drop();
});

/** Starts a slow copy and waits until it has moved something. */
async function startSlowly(id: string): Promise<void> {
  await engine.startMigration(id, { rows_per_second: 4000, batch_rows: 200 });
  await engine.waitFor(id, 'copying', (view) => view.progress.migrated > 1000);
}

async function terminate(id: string): Promise<void> {
  await temporal.workflowService.terminateWorkflowExecution({
    namespace: engine.namespace,
    workflowExecution: { workflowId: `saju-records/${id}` },
    reason: 'test',
  });
}

async function expectNoRows(): Promise<void> {
  const left = await databases.cube.query('select 1 from saju.charts limit 1');
  expect(left.rowCount).toBe(0);
}

test('a run whose plan was terminated says so, and resume goes on from the ledger', async () => {
  await startSlowly('lost');
  await terminate('lost');
  const refused = await engine.call('POST', '/v1/migrations/lost/verify');
  expect(refused).toMatchObject({ status: 409, body: { actions: ['resume', 'cancel', 'rollback'] } });
  const before = await engine.view('lost');
  await engine.steer('lost', 'resume');
  const rested = await engine.waitFor('lost', 'verified', (view) => view.stage === 'verified');
  expect(rested).toMatchObject({ status: 'waiting', progress: { migrated: 11_880, rejected: 120 } });
  expect(rested.run_id).not.toBe(before.run_id);
  expect(await toldOutside('lost')).toMatchObject([{ actor: 'temporal', action: 'plan.lost.outside' }]);
  await expectTargetEqualsSource(databases);
});

test('a run whose plan Temporal has forgotten can be rolled back', async () => {
  await terminate('lost');
  await temporal.workflowService.deleteWorkflowExecution({
    namespace: engine.namespace,
    workflowExecution: { workflowId: 'saju-records/lost' },
  });
  await engine.steer('lost', 'rollback');
  await engine.waitFor('lost', 'rolled back', (view) => view.status === 'rolled_back');
  await expectNoRows();
});

test('of requests that come at once to a run whose plan was lost each is carried out or refused', async () => {
  for (let turn = 1; turn <= 4; turn++) {
    const id = `at-once-${turn}`;
    await startSlowly(id);
    await terminate(id);
    const words = turn % 2 === 0 ? ['resume', 'rollback'] : ['rollback', 'resume'];
    const answers = await Promise.all(words.map((word) => engine.call('POST', `/v1/migrations/${id}/${word}`)));
    expect(answers.map(({ status }) => [202, 409].includes(status))).toEqual([true, true]);
    // A rollback is never refused here: no resume is too far on for it.
    expect(answers[words.indexOf('rollback')]?.status).toBe(202);
    await engine.waitFor(id, 'rolled back', (view) => view.status === 'rolled_back');
    await expectNoRows();
  }
});

test('a plan that ended in good order is not begun again, whatever the ledger says', async () => {
  await startSlowly('over');
  await engine.steer('over', 'rollback');
  await engine.waitFor('over', 'rolled back', (view) => view.status === 'rolled_back');
  const { workflow } = new Client({ connection: temporal, namespace: engine.namespace });
  await until('the plan to be over', async () => {
    const { status } = await workflow.getHandle('saju-records/over').describe();
    return status.name === 'COMPLETED';
  });
  const workflows = createMigrationWorkflows({ address: engine.temporalAddress }, engine.namespace, prove);
  try {
    const input = { ...(await readStart(databases.cube, 'over')) };
    const from = { stage: 'copying', sequence: 100 } as const;
    expect(await workflows.startAgain(input, from, 'resume', { by: 'test' })).toBe('ended');
  } finally {
    await workflows.close();
  }
});

test('a plan that is started again by a request it refuses rests blocked, and waits for one that fits', async () => {
  await startSlowly('refused');
  await terminate('refused');
  const sequence = Number(await readStateSequence(databases.cube, 'refused'));
  const workflows = createMigrationWorkflows({ address: engine.temporalAddress }, engine.namespace, prove);
  try {
    const input = await readStart(databases.cube, 'refused');
    const asked = workflows.startAgain(input, { stage: 'copying', sequence }, 'complete', { by: 'test' });
    await expect(asked).rejects.toMatchObject({ type: 'not_at_this_stage' });
  } finally {
    await workflows.close();
  }
  const blocked = await engine.waitFor('refused', 'blocked', ({ status }) => status === 'blocked');
  expect(blocked).toMatchObject({ stage: 'copying', actions: ['resume', 'cancel', 'rollback'] });
  expect(blocked.error?.message).toContain('was started again from the ledger');
  await engine.steer('refused', 'rollback');
  await engine.waitFor('refused', 'rolled back', (view) => view.status === 'rolled_back');
  await expectNoRows();
});

test('a way out that was accepted before the plan was lost is the only one left', async () => {
  await startSlowly('accepted');
  await terminate('accepted');
  await databases.cube.query("update ledger.migrations set pending = 'rollback' where id = 'accepted'");
  const refused = await engine.call('POST', '/v1/migrations/accepted/resume');
  expect(refused).toMatchObject({ status: 409, body: { actions: ['rollback'] } });
  expect(await engine.view('accepted')).toMatchObject({ pending: 'rollback' });
  await engine.steer('accepted', 'rollback');
  const ended = await engine.waitFor('accepted', 'rolled back', (view) => view.status === 'rolled_back');
  expect(ended.pending).toBeNull();
  await expectNoRows();
});

test('a cancel that the plan has accepted, and was lost before it applied it, is carried out by the plan that is started again', async () => {
  await startSlowly('lost-at-once');
  // The plan cannot record a state, and applies nothing.
  const release = await holdRun('lost-at-once');
  try {
    const answer = engine.call('POST', '/v1/migrations/lost-at-once/cancel');
    await untilAccepted('lost-at-once');
    await terminate('lost-at-once');
    await release();
    expect((await answer).status).toBe(202);
  } finally {
    await release();
  }
  await engine.waitFor('lost-at-once', 'cancelled', (view) => view.status === 'cancelled');
});

test('a cancel is not answered as accepted while no record names it', async () => {
  await startSlowly('unnamed');
  const release = await holdRun('unnamed');
  try {
    expect(await engine.call('POST', '/v1/migrations/unnamed/cancel')).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('may still be carried out') },
    });
  } finally {
    await release();
  }
  await engine.waitFor('unnamed', 'cancelled', (view) => view.status === 'cancelled');
});

test('a cancel that was answered as accepted is pending after the plan was lost, however soon', async () => {
  await startSlowly('named');
  await loseOnceAccepted('named', 'cancel');
  const view = await engine.view('named');
  expect(view.pending ?? view.status).toMatch(/^cancel/);
  await engine.steer('named', 'cancel');
  await engine.waitFor('named', 'cancelled', ({ status }) => status === 'cancelled');
});

/** Sends a command that is answered as accepted, of a plan that is lost before it begins it. */
async function loseOnceAccepted(id: string, action: string, body?: object): Promise<void> {
  const before = await acceptedUpdates(id);
  const release = await holdRun(id);
  try {
    const answer = engine.call('POST', `/v1/migrations/${id}/${action}`, body);
    await untilAccepted(id, before);
    // The control API waits no longer for the plan, and notes the command itself; what the plan has begun to write is lost with it.
    await new Promise((resolve) => setTimeout(resolve, 2800));
    await terminate(id);
    await databases.cube.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
       where wait_event_type = 'Lock' and datname = current_database()
         and pid <> (select pid from pg_stat_activity where query like '%set pending%' and wait_event_type = 'Lock' order by query_start desc limit 1)`);
    await release();
    expect((await answer).status).toBe(202);
  } finally {
    await release();
  }
}

describe('a command that was accepted before the plan was lost', () => {
  async function restAgain(id: string): Promise<void> {
    await engine.steer(id, 'resume');
    await engine.waitFor(id, 'at rest', ({ stage, status }) => stage === 'verified' && status === 'waiting');
  }

  beforeAll(() => engine.rollBackUnfinished());
  afterEach(() => engine.rollBackUnfinished());

  test('an acceptance of rejects is carried out after resume, with the words of the person', async () => {
    await engine.startMigration('acceptance');
    await engine.waitForRest('acceptance');
    const [one] = databases.rejected.keys();
    await loseOnceAccepted('acceptance', 'rejects/accept', { ids: [one], by: 'kim', why: 'seen' });
    await restAgain('acceptance');
    const accepted = await databases.cube.query(
      `select source_id::text as id, accepted_by, accepted_why from ledger.rejects
        where migration_id = 'acceptance' and resolution = 'accepted'`,
    );
    expect(accepted.rows).toEqual([{ id: one, accepted_by: 'kim', accepted_why: 'seen' }]);
    expect(await events('acceptance', 'rejects/accept')).toEqual(['kim']);
    expect(await kept('acceptance')).toBeNull();
  });

  test('a retry is carried out after resume, though an earlier one was finished', async () => {
    await engine.startMigration('retry');
    await engine.waitForRest('retry');
    await engine.steer('retry', 'rejects/retry');
    await engine.waitFor('retry', 'tried again', ({ last_operation: done, status }) => {
      return status === 'waiting' && done?.finished_at != null;
    });
    expect(await kept('retry')).toBeNull();
    const [one, other] = databases.rejected.keys();
    await loseOnceAccepted('retry', 'rejects/retry', { ids: [other] });
    await restAgain('retry');
    const attempts = await databases.cube.query<{ id: string; attempts: number }>(
      `select source_id::text as id, attempts from ledger.rejects
        where migration_id = 'retry' and source_id = any ($1) order by attempts`,
      [[one, other]],
    );
    expect(attempts.rows).toEqual([
      { id: one, attempts: 2 },
      { id: other, attempts: 3 },
    ]);
    expect(await kept('retry')).toBeNull();
  });

  test('a repair that had begun is carried out after resume', async () => {
    await engine.startMigration('repair');
    await engine.waitForRest('repair');
    await databases.cube.query(
      'update saju.charts set user_id = user_id || $1 where id = (select max(id) from saju.charts)',
      [' changed'],
    );
    await engine.steer('repair', 'verify');
    await engine.waitFor('repair', 'blocked', ({ status }) => status === 'blocked');
    // The repair waits for a row that another session holds.
    const holder = await databases.cube.connect();
    await holder.query('begin');
    await holder.query('select from saju.charts where id = (select max(id) from saju.charts) for update');
    await engine.steer('repair', 'repair');
    await engine.waitFor('repair', 'at work', (view) => view.last_operation?.action === 'repair');
    expect(await engine.view('repair')).toMatchObject({ pending: null });
    await terminate('repair');
    await holder.query('rollback');
    holder.release();
    await restAgain('repair');
    expect((await engine.view('repair')).last_operation).toMatchObject({
      action: 'repair',
      finished_at: expect.any(String),
    });
    expect(await kept('repair')).toBeNull();
    await expectTargetEqualsSource(databases);
  });

  test('a completion is not carried out, which the first resume says', async () => {
    await engine.startMigration('completion');
    await engine.waitForRest('completion');
    await engine.accept('completion');
    await loseOnceAccepted('completion', 'complete');
    const refused = await engine.call('POST', '/v1/migrations/completion/resume');
    expect(refused).toMatchObject({
      status: 409,
      body: {
        detail: expect.stringContaining('before it carried out complete, which is not carried out any more'),
        actions: ['resume', 'cancel', 'rollback'],
      },
    });
    expect(await engine.view('completion')).toMatchObject({ pending: null });
    await restAgain('completion');
  });

  async function kept(id: string): Promise<unknown> {
    const found = await databases.cube.query<{ command: unknown }>(
      'select command from ledger.migrations where id = $1',
      [id],
    );
    return found.rows[0]?.command;
  }

  async function events(id: string, what: string): Promise<readonly string[]> {
    const found = await databases.cube.query<{ by: string }>(
      'select by from ledger.events where migration_id = $1 and what = $2 order by id',
      [id, what],
    );
    return found.rows.map(({ by }) => by);
  }
});

/** Keeps everybody else from the ledger's row of a run. */
async function holdRun(id: string): Promise<() => Promise<void>> {
  const client = await databases.cube.connect();
  await client.query('begin');
  await client.query('select from ledger.migrations where id = $1 for update', [id]);
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    await client.query('rollback');
    client.release();
  };
}

/** Until the plan has accepted another update than the first `before`. */
async function untilAccepted(id: string, before = 0): Promise<void> {
  await until('the plan to accept the command', async () => (await acceptedUpdates(id)) > before);
}

/** How many updates the plan has accepted. */
async function acceptedUpdates(id: string): Promise<number> {
  const { workflow } = new Client({ connection: temporal, namespace: engine.namespace });
  const { events } = await workflow.getHandle(`saju-records/${id}`).fetchHistory();
  return events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length ?? 0;
}

test('what reaches a plan past the control API is carried out and recorded in the audit; what comes through it is not', async () => {
  await startSlowly('outside');
  const { workflow } = new Client({ connection: temporal, namespace: engine.namespace });
  const plan = workflow.getHandle('saju-records/outside');
  await engine.steer('outside', 'pause');
  await engine.waitFor('outside', 'paused', ({ status }) => status === 'paused');
  expect(await toldOutside('outside')).toEqual([]);
  // A request of the control API, taken from the history and sent again, is none of it.
  const { events } = await plan.fetchHistory();
  const sent = events?.flatMap((event) => event.workflowExecutionUpdateAcceptedEventAttributes ?? [])[0];
  const [payload] = sent?.acceptedRequest?.input?.args?.payloads ?? [];
  const copied: unknown = JSON.parse(Buffer.from(payload?.data ?? []).toString('utf8'));
  expect(copied).toMatchObject({ by: 'test', proof: { mac: expect.any(String) } });
  await plan.executeUpdate('resume', { args: [copied] });
  await engine.waitFor('outside', 'at work', ({ status }) => status === 'running');
  await plan.executeUpdate('pause', { args: [copied] });
  await engine.waitFor('outside', 'paused', ({ status }) => status === 'paused');
  await plan.executeUpdate('resume', { args: [{ by: 'root' }] });
  await plan.signal('anything');
  await plan.cancel();
  await engine.waitFor('outside', 'cancelled', ({ status }) => status === 'cancelled');
  const told = await toldOutside('outside');
  expect(told.map(({ action }) => action)).toEqual([
    'plan.resume.outside',
    'plan.pause.outside',
    'plan.resume.outside',
    'plan.signal anything.outside',
    'plan.cancel.outside',
  ]);
  expect(told[2]).toMatchObject({
    actor: 'temporal',
    details: { claims_to_be: 'root', run_id: expect.any(String), received_at: expect.any(String) },
  });
});

/** What the audit tells of the plan of a run that the control API did not send, the oldest first. */
async function toldOutside(id: string) {
  const found = await databases.cube.query<{ actor: string; action: string; details: Record<string, unknown> }>(
    `select actor, action, details from audit.entries where subject = $1 and action like '%.outside'
      order by details ->> 'received_at'`,
    [`saju-records/${id}`],
  );
  return found.rows;
}

test('a rollback whose plan was terminated can only be rolled back, and is', async () => {
  await startSlowly('half-back');
  await databases.cube.query(`update ledger.migrations set stage = 'rolling_back' where id = 'half-back'`);
  await terminate('half-back');
  const refused = await engine.call('POST', '/v1/migrations/half-back/resume');
  expect(refused).toMatchObject({ status: 409, body: { actions: ['rollback'] } });
  await engine.steer('half-back', 'rollback');
  await engine.waitFor('half-back', 'rolled back', (view) => view.status === 'rolled_back');
  await expectNoRows();
});

test('a run that ended while a request was under way stays ended', async () => {
  await engine.startMigration('ended');
  await engine.waitForRest('ended');
  await engine.steer('ended', 'cancel');
  await engine.waitFor('ended', 'cancelled', (view) => view.status === 'cancelled');
  // What a request that read the run a moment before its end meets: an open run on record, and no plan.
  const again = await engine.call('POST', '/v1/migrations/ended/rollback');
  expect(again).toMatchObject({ status: 409, body: { type: 'not_at_this_stage', actions: [] } });
  await recordRunState(databases.cube, 'ended', {
    sequence: 10_000,
    stage: 'preflight',
    status: 'running',
    runId: 'late',
    what: 'step',
    by: 'test',
    settles: false,
  });
  expect(await engine.view('ended')).toMatchObject({ status: 'cancelled', stage: 'done' });
});

test('a run whose plan was lost just when it had handed its rows over is completed, and offers no way back', async () => {
  await engine.startMigration('handed-over');
  await engine.waitForRest('handed-over');
  await terminate('handed-over');
  await databases.cube.query(
    "update ledger.migrations set status = 'running', stage = 'done' where id = 'handed-over'",
  );
  await finalizeBatches(databases.cube, { migrationId: 'handed-over', sequence: 10_000 });
  for (const action of ['rollback', 'cancel', 'resume']) {
    const refused = await engine.call('POST', `/v1/migrations/handed-over/${action}`);
    expect(refused).toMatchObject({ status: 409, body: { type: 'not_at_this_stage', actions: [] } });
  }
  expect(await engine.view('handed-over')).toMatchObject({ status: 'completed', stage: 'done' });
  await expectTargetEqualsSource(databases);
});
