import { kindsOf } from '../domain/catalog.js';
import type { CheckResult } from '../domain/check-result.js';
import { findCube, type TrafficName } from '../domain/cubes.js';
import type { ChangeReference } from '../domain/deployment/change-reference.js';
import type { Ownership } from '../domain/traffic/routing.js';
import type { AnsweredFields, Kind, ServedRows } from '../kinds/kind.js';
import { registry } from '../kinds/registry.js';
import { atSide, type Databases } from '../postgres/databases.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceEntry, type InstanceFilter, readInstances } from '../registry/instances.js';
import type { CubeCalls } from '../runtime/cube-calls.js';
import { guarded } from './guard.js';

export interface CubeConsistencyDependencies {
  readonly databases: Databases;
  readonly redis: RedisConnection;
  /** Which instances of the registry are called. */
  readonly admits: InstanceFilter;
  readonly calls: CubeCalls;
  readonly ownershipOf: (name: TrafficName) => Promise<Ownership>;
  /** Where legacy serves the users of a cube; absent where it is not known. */
  readonly legacyUrls: ReadonlyMap<TrafficName, string>;
}

/** Whether a restored version and the data go together. Reads only: restoring a version never restores data. */
export function createCubeConsistency(deps: CubeConsistencyDependencies) {
  const { databases, redis, admits, calls } = deps;
  const checkLedgerVersion = createLedgerCheck(databases.cube);
  const checkLedger = async (kind: Kind): Promise<string | undefined> => {
    const { moved, present } = await atSide('cube', async () => {
      await checkLedgerVersion();
      return kind.countMoved(databases.cube);
    });
    return present < moved
      ? `${moved - present} of ${moved} rows that the engine moved are not in the cube`
      : undefined;
  };
  const checkAnswers = async (rows: ServedRows, instance: InstanceEntry): Promise<string | undefined> => {
    const sample = await atSide('legacy', () => rows.sample(databases.legacy));
    const checks = sample.map(async (row) => {
      if ((await differingField(calls, rows, instance, row)) === undefined) return [];
      // A user may have changed it between the two reads.
      const id = String(row.id);
      const again = await atSide('legacy', () => rows.read(databases.legacy, id));
      const still = again === undefined ? undefined : await differingField(calls, rows, instance, again);
      return still === undefined ? [] : [`${id} (${still})`];
    });
    const wrong = (await Promise.all(checks)).flat();
    return wrong.length === 0
      ? undefined
      : `${wrong.length} of ${sample.length} records of the cube differ from those of their owner: ${wrong.slice(0, 3).join(', ')}`;
  };
  return {
    checkConsistency: ({ cubeId }: ChangeReference, version: string): Promise<CheckResult> =>
      guarded(async () => {
        const name = findCube(cubeId)?.trafficName ?? null;
        const kinds = kindsOf(cubeId).map((kind) => registry[kind]);
        if (name === null || kinds.length === 0) return { passed: true };
        const instances = await readInstances(redis, cubeId, admits).catch((error: unknown) => {
          throw redisFailure(error);
        });
        const instance = instances.find((one) => one.version === version && one.state === 'ready');
        if (instance === undefined) return { passed: false, sentence: `no instance of ${version} is ready` };
        // At the same time: users wait for the answer.
        const found = await Promise.all([
          checkLegacyOwner(deps, name),
          ...kinds.map(checkLedger),
          ...kinds.flatMap(({ answers }) => (answers === undefined ? [] : [checkAnswers(answers, instance)])),
        ]);
        const sentence = found.find((one) => one !== undefined);
        return sentence === undefined ? { passed: true } : { passed: false, sentence };
      }),
  };
}

export type CubeConsistency = ReturnType<typeof createCubeConsistency>;

/** Users are served by legacy while it owns the data: it must answer. */
async function checkLegacyOwner({ ownershipOf, legacyUrls, calls }: CubeConsistencyDependencies, name: TrafficName) {
  const url = legacyUrls.get(name);
  if ((await ownershipOf(name)).owner !== 'legacy' || url === undefined) return undefined;
  const answer = await calls.call(url, { method: 'GET', path: '/health' });
  return answer?.status === 200 ? undefined : 'legacy, which owns the data, does not answer';
}

async function differingField(
  calls: CubeCalls,
  { path, permission }: ServedRows,
  { url }: InstanceEntry,
  row: AnsweredFields,
): Promise<string | undefined> {
  const answer = await calls.call(url, { method: 'GET', path: path(String(row.id)), permission });
  if (answer === undefined) return 'no answer';
  if (answer.status !== 200) return `status ${answer.status}`;
  const body = typeof answer.body === 'object' && answer.body !== null ? answer.body : {};
  const answered = body as Readonly<Record<string, unknown>>;
  // The id is the requested one; as a number it may be past what JSON's readers take whole.
  return Object.entries(row).find(([name, value]) => name !== 'id' && answered[name] !== value)?.[0];
}
