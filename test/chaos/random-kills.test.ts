import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../legacy/random.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { pendingActivities, underWayOn } from '../support/pending-work.js';

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const kills: string[] = [];
let idle = 0;

/** Rows a second: slow enough to be hit in the middle. */
const copySpeed = 1500;

type Victim = 'worker-bulk-1' | 'worker-control';

/** One run and its servers: several live side by side, since each kill is waited out. */
class Life {
  id = 'run-1';
  private runs = 1;
  private lock: (() => Promise<void>) | undefined;

  private constructor(
    readonly name: string,
    readonly databases: TestDatabases,
    readonly engine: Engine,
    private readonly random: Random,
  ) {}

  static async begin(place: number): Promise<Life> {
    const databases = await createDatabases(8000, { seed: seed + place });
    const engine = await Engine.start({ ...databases, apart: ['worker-control', 'worker-bulk'] });
    return new Life(`life ${place}`, databases, engine, new Random(seed + place));
  }

  async end(): Promise<void> {
    await this.lock?.();
    await this.engine.stop();
    await this.databases.drop();
  }

  async startRun(rowsPerSecond: number | null): Promise<void> {
    this.id = `run-${this.runs++}`;
    await this.engine.startMigration(this.id, {
      lanes: 3,
      batch_rows: 100,
      reject_limit_percent: 5,
      rows_per_second: rowsPerSecond,
    });
  }

  async rests(): Promise<void> {
    const { status, stage } = await this.engine.waitForRest(this.id, 120_000);
    expect({ status, stage }).toEqual({ status: 'waiting', stage: 'verified' });
  }

  /**
   * Kills at a random moment within `millis` of what `provoke` brings about. The victim is held still while Temporal is
   * asked what it has under way: one that is idle goes on, and the kill is tried again.
   */
  async kill(stage: string, victim: Victim, millis: number, provoke: () => Promise<void>): Promise<void> {
    for (;;) {
      await provoke();
      await sleep(this.random.between(0, millis));
      this.engine.program(victim).kill('SIGSTOP');
      const underWay = await underWayOn(this.engine, this.id, victim);
      if (underWay.length > 0) {
        await this.engine.kill(victim);
        this.engine.startProgram(victim);
        kills.push(`${stage}, ${victim}`);
        say(`${this.name}: ${victim} killed while ${stage}, in ${underWay.join(', ')}`);
        // The ledger tells the state before until the step that was hit has been tried again.
        if (victim === 'worker-control' && this.lock === undefined) await this.outlived(underWay);
        return;
      }
      this.engine.program(victim).kill('SIGCONT');
      idle++;
    }
  }

  /** A moment of the copy: the lanes are on the victim, or it has just been asked to open a round of them. */
  async copying(victim: Victim): Promise<void> {
    await this.kill('copying', victim, victim === 'worker-bulk-1' ? 600 : 300, async () => {
      await this.inTheCopy();
      if (victim === 'worker-bulk-1') return this.underWay('copyLane', 'waiting');
      await this.demand('pause');
      await this.engine.waitFor(this.id, 'paused or past it', (view) => view.status !== 'running');
      this.ask('resume');
    });
  }

  /** A copy that got through before it was hit is undone, and followed by another run. */
  private async inTheCopy(): Promise<void> {
    const { status, stage } = await this.engine.waitFor(
      this.id,
      'copying or past it',
      (view) => (view.stage === 'copying' && view.status === 'running') || view.status === 'waiting',
    );
    if (status !== 'waiting') return;
    expect(stage).toBe('verified');
    await this.demand('rollback');
    await this.engine.waitFor(this.id, 'rolled back', (view) => view.status === 'rolled_back');
    await this.startRun(copySpeed);
  }

  async verifying(victim: Victim): Promise<void> {
    await this.kill('verifying', victim, 300, async () => {
      await this.rests();
      if (victim === 'worker-control') return this.ask('verify');
      await this.demand('verify');
      await this.underWay('verifyRows', 'waiting');
    });
  }

  async repairing(): Promise<void> {
    await this.kill('repairing', 'worker-bulk-1', 600, async () => {
      await this.rests();
      await this.databases.cube.query("update saju.charts set interpretation = 'damaged' where id % 2 = 0");
      await this.demand('verify');
      await this.engine.waitFor(this.id, 'blocked', (view) => view.status === 'blocked');
      await this.demand('repair');
      await this.underWay('repairRows', 'waiting');
    });
  }

  /** A rollback happens once in a run: one that was missed is followed by another run. */
  async rollingBack(victim: Victim): Promise<void> {
    await this.kill('rolling back', victim, 300, async () => {
      const { status, stage } = await this.engine.waitFor(
        this.id,
        'verified or past it',
        (view) => view.status !== 'running' || view.stage === 'rolling_back',
      );
      if (status === 'rolled_back') {
        await this.startRun(null);
        await this.rests();
      }
      if (stage !== 'rolling_back') this.ask('rollback');
      if (victim === 'worker-bulk-1') await this.underWay('removeMovedRows', 'rolled_back');
    });
  }

  /** Completing happens once in a run and takes a moment: a lock stretches it until the kill has hit. */
  async completing(): Promise<void> {
    await this.kill('completing', 'worker-control', 300, async () => {
      if (this.lock !== undefined) return;
      await this.rests();
      await this.engine.accept(this.id);
      const client = await this.databases.cube.connect();
      await client.query('begin; lock table ledger.batches in exclusive mode');
      this.lock = async () => {
        this.lock = undefined;
        await client.query('commit');
        client.release();
      };
      this.ask('complete');
    });
    await this.lock?.();
    await this.engine.waitFor(this.id, 'completed', (view) => view.status === 'completed', 120_000);
  }

  async expectAsUndisturbed(): Promise<void> {
    await expectRejectsAsForetold(this.databases, this.id);
    await expectTargetEqualsSource(this.databases);
    await expectLedgerAddsUp(this.databases, this.id);
  }

  /** Without waiting for the answer: the moment after it was accepted is among those to hit. */
  private ask(action: string): void {
    this.engine.steer(this.id, action).catch((error: unknown) => say(`${this.name}: ${action}: ${String(error)}`));
  }

  /** As an operator does: repeats a request that nobody took up in time, until it is taken up or was after all. */
  private async demand(action: string): Promise<void> {
    await until(`${action} to be taken up`, async () => {
      const { status } = await this.engine.call('POST', `/v1/migrations/${this.id}/${action}`);
      return status === 202 || status === 409;
    });
  }

  private async outlived(activities: readonly string[]): Promise<void> {
    await until(`${activities.join(', ')} to be done after all`, async () =>
      (await pendingActivities(this.engine, this.id)).every(({ name }) => !activities.includes(name)),
    );
  }

  private async underWay(activity: string, orStatus: string): Promise<void> {
    await until(`${activity} to be under way`, async () => {
      if ((await underWayOn(this.engine, this.id, 'worker-bulk-1')).includes(activity)) return true;
      return (await this.engine.view(this.id)).status === orStatus;
    });
  }
}

const lives: Life[] = [];
const timeoutMillis = 240_000;

beforeAll(async () => {
  say(`CHAOS_SEED=${seed}`);
  lives.push(...(await Promise.all([1, 2, 3, 4].map((place) => Life.begin(place)))));
}, timeoutMillis);
afterAll(async () => {
  for (const life of lives) await life.end();
});

test('workers killed at twenty random moments leave what an undisturbed run leaves', {
  timeout: timeoutMillis,
}, async () => {
  const stories: readonly ((life: Life) => Promise<void>)[] = [
    async (life) => {
      await life.startRun(copySpeed);
      await life.copying('worker-bulk-1');
      await life.copying('worker-control');
      await life.verifying('worker-bulk-1');
      await life.verifying('worker-bulk-1');
      await life.completing();
    },
    async (life) => {
      await life.startRun(copySpeed);
      await life.copying('worker-bulk-1');
      await life.copying('worker-bulk-1');
      await life.verifying('worker-bulk-1');
      await life.repairing();
      await life.completing();
    },
    async (life) => {
      await life.startRun(copySpeed);
      await life.copying('worker-bulk-1');
      await life.verifying('worker-control');
      await life.repairing();
      await life.repairing();
      await life.completing();
    },
    async (life) => {
      await life.startRun(null);
      await life.rollingBack('worker-bulk-1');
      await life.rollingBack('worker-bulk-1');
      await life.rollingBack('worker-control');
      await life.engine.waitFor(life.id, 'rolled back', (view) => view.status === 'rolled_back', 120_000);
      expect((await life.databases.cube.query('select id from saju.charts limit 1')).rows).toEqual([]);
      await life.startRun(copySpeed);
      await life.copying('worker-bulk-1');
      await life.verifying('worker-bulk-1');
      await life.rests();
    },
  ];
  await Promise.all(
    stories.map(async (story, place) => {
      const life = lives[place];
      if (life === undefined) throw new Error('a story without a life');
      await story(life);
      await life.expectAsUndisturbed();
    }),
  );
  say(`kills that hit: ${kills.length}; that found an idle worker, and were repeated: ${idle}`);
  for (const what of new Set(kills)) say(`  ${what}: ${kills.filter((kill) => kill === what).length}`);
  expect(kills.length).toBeGreaterThanOrEqual(20);
});

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
