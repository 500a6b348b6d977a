import { afterAll, beforeAll, expect, test } from 'vitest';
import { failing } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.startOnRealServer();
});
afterAll(() => server.stop());

test('lanes that fail for good at the same moment block the run once, and resume starts them all again', async () => {
  const runs = await Promise.all(
    Array.from({ length: 4 }, (_, place) =>
      server.begin(`together-${place}`, (ledger) => ledger.answer('copyLane', failing('permission_denied')), {
        lanes: 4,
      }),
    ),
  );
  for (const run of runs) {
    expect((await run.ledger.untilState('blocked', 'copying')).busy).toEqual([]);
    run.ledger.mend('copyLane');
    await run.steer('resume');
    await run.ledger.untilState('waiting', 'verified');
    expect(run.ledger.states.filter(({ status }) => status === 'blocked')).toHaveLength(1);
  }
});

test('no accepted pause is lost around a continue-as-new', { timeout: 120_000 }, async () => {
  const lanes = 20;
  await Promise.all(
    Array.from({ length: 2 }, async (_, place) => {
      const run = await server.begin(
        `renewed-${place}`,
        (ledger) =>
          ledger.answer('copyLane', async () => ({ outcome: { kind: 'round_over' }, migrated: 1, rejected: 0 })),
        { lanes },
      );
      const { ledger } = run;
      await ledger.untilCalled('copyLane');
      const first = ledger.state?.runId;
      let pauses = 0;
      while (ledger.state?.runId === first) {
        // Rounds must end for the history to be renewed; how far one is when the pause comes differs from run to run.
        await ledger.untilCalled('copyLane', ledger.count('copyLane') + lanes * 2 + place);
        const after = ledger.state?.sequence;
        // One that meets the very change of executions may be turned down, and is then asked again.
        const accepted = await run.steer('pause').then(
          () => true,
          () => false,
        );
        if (!accepted) continue;
        pauses++;
        await ledger.untilState('paused', 'copying', after);
        await run.steer('resume');
      }
      expect(ledger.states.filter(({ status }) => status === 'paused')).toHaveLength(pauses);
      expect(ledger.sequences).toEqual(ledger.sequences.map((_, sequence) => sequence + 1));
      await run.steer('cancel');
      expect(await run.end()).toBe('cancelled');
    }),
  );
});
