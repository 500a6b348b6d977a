import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoUser } from '../../demo/steady-users.js';
import { fillLegacy } from '../../legacy/fill.js';
import { packageRoot } from '../../src/base/package-root.js';
import { defaultCacheFolder } from '../../src/stack/downloads/fetch.js';
import { type RunningStack, startServers, stopStack } from '../../src/stack/stack.js';
import { StackHome } from '../../src/state/home.js';
import { withClient } from '../lab.js';
import { Control } from './control.js';

export const cubeId = 'saju-cube';
export const badVersion = 'bad-errors';
const records = 100_000;

/** A whole stack of the benchmark's own, with a bad version of the saju cube kept to be deployed. */
export class TrafficStack {
  readonly control: Control;
  private readonly end = new AbortController();
  private readonly watching: Promise<void>;

  private constructor(
    private readonly folder: string,
    private readonly stack: RunningStack,
  ) {
    this.control = new Control(stack.env.CONTROL_URL ?? '', stack.env.CUBE_JWT_SECRET ?? '');
    this.watching = stack.watch(this.end.signal);
  }

  /** `windowSeconds`: how long gateways count users in one window, when not as usual. */
  static async start(
    log: (text: string) => void,
    { windowSeconds }: { readonly windowSeconds?: number },
  ): Promise<TrafficStack> {
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-traffic-'));
    const home = new StackHome(folder);
    // Comparison would know the bad version at 0 %: what is timed is the error test alone.
    const window = windowSeconds === undefined ? {} : { GATEWAY_WINDOW_SECONDS: String(windowSeconds) };
    const environment = { GATEWAY_SHADOW: 'off', ...window };
    let stack: RunningStack | undefined;
    try {
      stack = await startServers({ home, cacheFolder: defaultCacheFolder(process.env), environment, log });
      await fillLegacy({ url: stack.env.LEGACY_DATABASE_URL ?? '', records, seed: 7, log });
      await stack.startPrograms();
      home.addRelease({
        cube_id: cubeId,
        version: badVersion,
        command: process.execPath,
        args: [join(packageRoot(), 'dist', 'demo', 'faulty-saju-cube.js'), '--fault', 'errors'],
        env: {},
        created_at: new Date().toISOString(),
      });
      return new TrafficStack(folder, stack);
    } catch (error) {
      await stack?.stop();
      await stopStack(new StackHome(folder), { purge: true });
      throw error;
    }
  }

  get legacySajuUrl(): string {
    return this.stack.env.LEGACY_SAJU_URL ?? '';
  }

  get gatewayUrl(): string {
    return this.stack.env.GATEWAY_URL ?? '';
  }

  /** So many users, each with a record whose hour pillar is known. Throws when legacy has not so many. */
  users(count: number): Promise<readonly DemoUser[]> {
    return withClient(this.stack.env.LEGACY_DATABASE_URL ?? '', async (client) => {
      const found = await client.query<DemoUser>(
        `select distinct on (user_id) user_id as "userId", id::text as "recordId", hour_pillar as "hourPillar"
           from saju_records where user_id ~ '^[A-Za-z0-9_-]+$' and hour_pillar is not null
          order by user_id, id limit $1`,
        [count],
      );
      if (found.rows.length < count) throw new Error(`legacy has ${found.rows.length} users, ${count} are needed`);
      return found.rows;
    });
  }

  async stop(): Promise<void> {
    this.end.abort();
    await this.watching;
    await this.stack.stop();
    await stopStack(new StackHome(this.folder), { purge: true });
  }
}
