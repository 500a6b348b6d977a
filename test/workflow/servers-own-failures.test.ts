import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureRule, isFailureType } from '../../src/base/failures.js';
import { postgresFailure, serverErrorClasses } from '../../src/postgres/errors.js';
import { failing } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

/** States by which a server speaks of itself: of each class one that nobody knows, and those that are known apart. */
const states = [
  ...[...serverErrorClasses].map((name) => `${name}77Z`),
  ...'08006 25006 28000 28P01 3D000 3F000 40001 42501 42703 42P01 53100 55P03 57014 57P03'.split(' '),
];
/** Of these a server may be rid by itself; a person need not be there within seconds. */
const passing = /^08|^53|^58|^57P03|^57014|^40001|^55P03/;

function saying(sqlState: string): () => Promise<never> {
  return async () => {
    const error = Object.assign(new pg.DatabaseError('문장', 1, 'error'), { code: sqlState });
    throw postgresFailure('cube')(error);
  };
}

const runOf = (sqlState: string) => `says-${sqlState.toLowerCase()}`;
const minutes = 60 * 1000;

describe('a step that fails by a state of the server’s own', () => {
  test('is tried again for five attempts, or an hour where it may pass, then blocked with the state, and resumed', async () => {
    const begun = await server.environment.currentTimeMs();
    const runs = await Promise.all(
      states.map((state) =>
        server.begin(runOf(state), (ledger) => ledger.answer('copyLane', saying(state)), { lanes: 1 }),
      ),
    );
    await server.fly(() => Promise.all(runs.map((run) => run.ledger.untilState('blocked', 'copying', 0, 90_000))));
    expect((await server.environment.currentTimeMs()) - begun).toBeGreaterThanOrEqual(60 * minutes);
    for (const [place, state] of states.entries()) {
      const run = runs[place];
      expect(run?.ledger.state, state).toMatchObject({
        blockedBy: 'other',
        error: {
          message: expect.stringContaining(`SQLSTATE ${state}`),
          hint: expect.stringContaining(`\`cubeshift migrate resume ${runOf(state)}\``),
        },
      });
      const { error } = run?.ledger.state ?? {};
      expect(error?.hint, state).not.toContain('continues by itself');
      expect(isFailureType(error?.type) && failureRule(error.type).actor, state).not.toBe('caller');
      const attempts = run?.ledger.count('copyLane') ?? 0;
      // Ten seconds apart, after the first few.
      if (passing.test(state)) expect(attempts, state).toBeGreaterThan(355);
      else expect(attempts, state).toBe(5);
    }
    for (const run of runs) run.ledger.mend('copyLane');
    await Promise.all(runs.map((run) => run.steer('resume')));
    for (const run of runs) expect(await run.accept()).toBe('completed');
  }, 120_000);

  test('is not given up for an hour that began before the server was away', async () => {
    const start = await server.environment.currentTimeMs();
    const copyLane = async () => {
      const passed = (await server.environment.currentTimeMs()) - start;
      if (passed < 50 * minutes) return saying('53300')();
      if (passed < 55 * minutes) return failing('cube_unreachable')();
      if (passed < 90 * minutes) return saying('57P03')();
      return { outcome: { kind: 'source_exhausted' as const }, migrated: 1000, rejected: 0 };
    };
    const run = await server.begin('away-between', (ledger) => ledger.answer('copyLane', copyLane), { lanes: 1 });
    await run.flyTo('waiting', 'verified');
    expect(run.ledger.states.map(({ status }) => status)).not.toContain('blocked');
    await run.steer('cancel');
  });

  test('fails a run at once before anything was changed, where a person must mend it', async () => {
    const run = await server.begin('denied-at-first', (ledger) => ledger.answer('preflight', saying('42501')));
    expect(await run.end()).toBe('failed');
    expect(run.ledger.count('preflight')).toBe(1);
    expect(run.ledger.state?.error?.hint).not.toContain('resume');
  });

  test('is tried again for longer than an hour where it is an undo', async () => {
    const start = await server.environment.currentTimeMs();
    const removeMovedRows = async () => {
      if ((await server.environment.currentTimeMs()) - start < 90 * minutes) await saying('53100')();
    };
    const run = await server.begin('undo-full', (ledger) => ledger.answer('removeMovedRows', removeMovedRows));
    await run.ledger.untilState('waiting', 'verified');
    await run.steer('rollback');
    expect(await run.end()).toBe('rolled_back');
  });
});
