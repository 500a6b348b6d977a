import { findCube, type TrafficName } from '../domain/cubes.js';
import type { ChangeReference, CheckResult } from '../domain/deployment/cube-changes.js';
import type { MigrationKind } from '../domain/migration/migration.js';
import type { Ownership } from '../domain/traffic/routing.js';
import { countOwnedRows } from '../kinds/rows/owned-rows.js';
import { type AnsweredFields, readSajuRow, sampleSajuRows } from '../kinds/saju-records/sample.js';
import { atSide, type Databases } from '../postgres/databases.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { type InstanceEntry, type InstanceFilter, readInstances } from '../registry/instances.js';
import type { CubeCalls } from '../runtime/cube-calls.js';
import { guarded } from './guard.js';
import { mappingOf } from './row-kinds.js';

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

/** The rows behind a cube: which migration moves them, and what legacy's say that a service must answer. */
const rowsBehind: Readonly<Partial<Record<TrafficName, { kind: MigrationKind } & OwnersRows>>> = {
  saju: {
    kind: 'saju-records',
    sample: ({ legacy }) => sampleSajuRows(legacy),
    read: ({ legacy }, id) => readSajuRow(legacy, id),
    path: (id) => `/records/${id}`,
    permission: 'saju:call',
  },
};

interface OwnersRows {
  readonly sample: (databases: Databases) => Promise<readonly AnsweredFields[]>;
  readonly read: (databases: Databases, id: string) => Promise<AnsweredFields | undefined>;
  readonly path: (id: string) => string;
  readonly permission: string;
}

/** Whether a restored version and the data go together. Reads only: restoring a version never restores data. */
export function createCubeConsistency(deps: CubeConsistencyDependencies) {
  const { databases, redis, admits, calls } = deps;
  const checkLedgerVersion = createLedgerCheck(databases.cube);
  const checkLedger = async (kind: string): Promise<string | undefined> => {
    const { target } = mappingOf(kind);
    const { owned, present } = await atSide('cube', async () => {
      await checkLedgerVersion();
      return countOwnedRows(databases.cube, kind, target);
    });
    return present < owned ? `${owned - present} of ${owned} rows that the ledger owns are not in the cube` : undefined;
  };
  const checkAnswers = async (rows: OwnersRows, instance: InstanceEntry): Promise<string | undefined> => {
    const sample = await atSide('legacy', () => rows.sample(databases));
    const looks = sample.map(async (row) => {
      if ((await differingField(calls, rows, instance, row)) === undefined) return [];
      // A user may have changed it between the two looks.
      const id = String(row.id);
      const again = await atSide('legacy', () => rows.read(databases, id));
      const still = again === undefined ? undefined : await differingField(calls, rows, instance, again);
      return still === undefined ? [] : [`${id} (${still})`];
    });
    const wrong = (await Promise.all(looks)).flat();
    return wrong.length === 0
      ? undefined
      : `${wrong.length} of ${sample.length} records are answered otherwise than their owner has them: ${wrong.slice(0, 3).join(', ')}`;
  };
  return {
    checkConsistency: ({ cubeId }: ChangeReference, version: string): Promise<CheckResult> =>
      guarded(async () => {
        const name = findCube(cubeId)?.trafficName ?? null;
        const rows = name === null ? undefined : rowsBehind[name];
        if (name === null || rows === undefined) return { passed: true };
        const instances = await readInstances(redis, cubeId, admits).catch((error: unknown) => {
          throw redisFailure(error);
        });
        const instance = instances.find((one) => one.version === version && one.state === 'ready');
        if (instance === undefined)
          return { passed: false, sentence: `no instance of ${version} is ready to be asked` };
        // At the same time: users wait for the answer.
        const found = await Promise.all([checkLedger(rows.kind), checkOwner(deps, name), checkAnswers(rows, instance)]);
        const sentence = found.find((one) => one !== undefined);
        return sentence === undefined ? { passed: true } : { passed: false, sentence };
      }),
  };
}

export type CubeConsistency = ReturnType<typeof createCubeConsistency>;

/** Users are served by legacy while it owns the data: it must answer. */
async function checkOwner({ ownershipOf, legacyUrls, calls }: CubeConsistencyDependencies, name: TrafficName) {
  const url = legacyUrls.get(name);
  if ((await ownershipOf(name)).owner !== 'legacy' || url === undefined) return undefined;
  const answer = await calls.call(url, { method: 'GET', path: '/health' });
  return answer?.status === 200 ? undefined : 'legacy, which owns the data, does not answer';
}

async function differingField(
  calls: CubeCalls,
  { path, permission }: OwnersRows,
  { url }: InstanceEntry,
  row: AnsweredFields,
): Promise<string | undefined> {
  const answer = await calls.call(url, { method: 'GET', path: path(String(row.id)), permission });
  if (answer === undefined) return 'no answer';
  if (answer.status !== 200) return `status ${answer.status}`;
  const body = typeof answer.body === 'object' && answer.body !== null ? answer.body : {};
  const answered = body as Readonly<Record<string, unknown>>;
  // The id is what was asked for; as a number it may be past what JSON's readers take whole.
  return Object.entries(row).find(([name, value]) => name !== 'id' && answered[name] !== value)?.[0];
}
