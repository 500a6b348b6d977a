import type { CubeView } from '../../api/cubes.js';
import type { DeploymentAnswer, RollbackAnswer } from '../../api/deployments.js';
import type { MigrationList } from '../../api/migrations.js';
import type { TrafficView } from '../../api/traffic.js';
import { toFailure } from '../../base/failures.js';
import type { MigrationView } from '../../domain/migration/migration.js';
import type { RampAnswer } from '../../domain/traffic/ramp/ramp.js';
import type { Connect } from '../control-client.js';
import type { StackState } from './stack-state.js';

/** What the control API says of itself. */
export interface ControlHealth {
  readonly status: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** A part of the system that could not be read. */
export interface UnreadPart {
  readonly part: string;
  readonly message: string;
  readonly hint: string;
}

/** The whole system as `cubeshift status` reads it. What could not be read is left out, and `unread` says why. */
export interface SystemStatus {
  /** Of the stack in the state folder; null where there is none. */
  readonly stack: StackState | null;
  readonly control: ControlHealth | null;
  readonly cubes: readonly CubeView[];
  readonly traffic: readonly TrafficView[];
  /** Newest first. */
  readonly migrations: readonly MigrationView[];
  readonly ramps: readonly RampAnswer[];
  readonly deployments: readonly DeploymentAnswer[];
  readonly rollbacks: readonly RollbackAnswer[];
  readonly unread: readonly UnreadPart[];
}

/** A server that does not answer is no reason to show nothing for half a minute. */
const maxAnswerMillis = 12_000;

/** Reads every part at the same time. Throws where there is no stack and no address of a control API. */
export async function readSystemStatus(connect: Connect, stack: StackState | null): Promise<SystemStatus> {
  const client = connect();
  const unread: UnreadPart[] = [];
  const get = <T>(path: string) => client.call<T>('GET', path, undefined, maxAnswerMillis);
  const read = async <T>(part: string, path: string): Promise<readonly T[]> => {
    try {
      return [await get<T>(path)];
    } catch (error) {
      const failure = toFailure(error);
      // A ramp, a deployment or a rollback that there never was.
      if (failure.type !== 'not_found') unread.push({ part, message: failure.message, hint: failure.hint });
      return [];
    }
  };
  const [control] = await read<ControlHealth>('cubes, users and runs', '/health');
  // Every other call would only say the same.
  if (control === undefined) return { ...nothingRead, stack, unread };
  const [lists, cubeLists] = await Promise.all([
    read<MigrationList>('migrations', '/v1/migrations'),
    read<{ items: readonly CubeView[] }>('cubes', '/v1/cubes'),
  ]);
  const cubes = cubeLists.flatMap(({ items }) => items);
  const running = cubes.filter(({ instances }) => instances.length > 0);
  const withUsers = cubes.flatMap((cube) => (cube.traffic_name === null ? [] : [cube.traffic_name]));
  const each = async <T>(
    names: readonly string[],
    part: (name: string) => string,
    path: (name: string) => string,
  ): Promise<readonly T[]> => (await Promise.all(names.map((name) => read<T>(part(name), path(name))))).flat();
  const cubeIds = running.map(({ cube_id }) => cube_id);
  const [traffic, ramps, deployments, rollbacks] = await Promise.all([
    each<TrafficView>(
      withUsers,
      (name) => `traffic of ${name}`,
      (name) => `/v1/traffic/${name}`,
    ),
    each<RampAnswer>(
      withUsers,
      (name) => `ramp of ${name}`,
      (name) => `/v1/traffic/${name}/ramp`,
    ),
    each<DeploymentAnswer>(
      cubeIds,
      (id) => `deployment of ${id}`,
      (id) => `/v1/cubes/${id}/deployment`,
    ),
    each<RollbackAnswer>(
      cubeIds,
      (id) => `rollback of ${id}`,
      (id) => `/v1/cubes/${id}/rollback`,
    ),
  ]);
  const migrations = lists.flatMap(({ items }) => items);
  return { stack, control, cubes, traffic, migrations, ramps, deployments, rollbacks, unread };
}

const nothingRead = {
  control: null,
  cubes: [],
  traffic: [],
  migrations: [],
  ramps: [],
  deployments: [],
  rollbacks: [],
} as const;
