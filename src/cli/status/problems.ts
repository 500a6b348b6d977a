import type { CubeView } from '../../api/cubes.js';
import type { TrafficView } from '../../api/traffic.js';
import type { MigrationView } from '../../domain/migration/migration.js';
import type { StackState } from './stack-state.js';
import type { SystemStatus } from './system-status.js';

/** Something that is wrong, and what to type about it. */
export interface Problem {
  readonly what: string;
  /** Commands to type, the first one first. */
  readonly next: readonly string[];
}

/** Everything that is wrong in a system, what affects users first. */
export function findProblems(status: SystemStatus): readonly Problem[] {
  return [
    ...(status.stack === null ? [] : stackProblems(status.stack)),
    ...controlProblems(status),
    ...status.rollbacks
      .filter((one) => one.status === 'escalated')
      .map((one) => ({
        what: `The rollback of ${one.cube_id} waits for a person: ${one.sentence}`,
        next: one.next.map(({ command }) => command),
      })),
    ...status.cubes.flatMap((cube) => cubeProblems(cube, status)),
    ...status.traffic.flatMap(trafficProblems),
    ...status.ramps
      .filter((one) => one.status === 'waiting')
      .map((one) => ({
        what: `The ramp of ${one.cube} waits for a person: ${one.sentence}`,
        next: one.next.map(({ command }) => command),
      })),
    ...status.deployments
      .filter((one) => one.status === 'undo_incomplete')
      .map((one) => ({
        what: `The last change of ${one.cube_id} could not be undone: ${one.sentence}`,
        next: [`cubeshift cubes status ${one.cube_id}`, `cubeshift cubes rollback ${one.cube_id} --wait`],
      })),
    ...newestOfEachKind(status.migrations).flatMap(migrationProblems),
    ...unreadProblems(status),
  ];
}

function stackProblems({ folder, supervised, hasComeUp, processes, absent, ended }: StackState): readonly Problem[] {
  const up = 'cubeshift up --detach';
  if (processes.length === 0 && supervised)
    return [{ what: `The stack in ${folder} is coming up; no program of it runs yet.`, next: [up] }];
  if (processes.length === 0 && !hasComeUp)
    return [
      {
        what: `The stack in ${folder} has never come up: its first \`up\` failed or was ended.`,
        next: [up, 'cubeshift down --purge'],
      },
    ];
  if (processes.length === 0) return [{ what: `The stack in ${folder} is stopped; its data is kept.`, next: [up] }];
  return [
    ...(supervised ? [] : [{ what: 'The programs run, but the `up` that starts them again has ended.', next: [up] }]),
    ...absent.map((name) => ({ what: `${name} does not run.`, next: [`cubeshift logs ${name}`, up] })),
    ...processes
      .filter(({ state }) => state !== 'ready')
      .map(({ name, state }) => ({ what: `${name} is ${state}.`, next: [`cubeshift logs ${name}`] })),
    ...ended.map(({ instance, how }) => ({
      what: `The instance ${instance} does not run: ${how}.`,
      next: [`cubeshift logs ${instance}`, 'cubeshift cubes list'],
    })),
  ];
}

function controlProblems({ control, stack }: SystemStatus): readonly Problem[] {
  return Object.entries(control?.dependencies ?? {})
    .filter(([, state]) => state !== 'ok')
    .map(([name]) => ({
      what: `The control API cannot reach ${name.replaceAll('_', ' ')}; running migrations continue once it is back.`,
      next: [stack === null ? 'cubeshift check' : 'cubeshift ps'],
    }));
}

/** Parts that could not be read for the same reason are one problem. */
function unreadProblems({ stack, unread }: SystemStatus): readonly Problem[] {
  // Of a stack that was stopped nothing answers.
  if (stack?.processes.length === 0) return [];
  const reasons = new Set(unread.map(({ message }) => message));
  return [...reasons].map((reason) => {
    const same = unread.filter(({ message }) => message === reason);
    return {
      what: `Not known: ${same.map(({ part }) => part).join(', ')}. ${reason} ${same[0]?.hint ?? ''}`.trimEnd(),
      next: [stack === null ? 'cubeshift check' : 'cubeshift logs control'],
    };
  });
}

function cubeProblems(cube: CubeView, { traffic }: SystemStatus): readonly Problem[] {
  const weight = traffic.find(({ cube_id }) => cube_id === cube.cube_id);
  const served = weight?.enabled === true && (weight.percentage ?? 0) > 0;
  switch (cube.health) {
    case 'absent':
      return served
        ? [
            {
              what: `No instance of ${cube.cube_id} runs, and ${weight.percentage} % of its users are on it.`,
              next: [`cubeshift traffic set ${weight.cube} 0 --why 'no instance'`, 'cubeshift cubes list'],
            },
          ]
        : [];
    case 'ok':
      return [];
    default:
      return [
        {
          what: `${cube.cube_id} is ${cube.health}: ${instanceFaults(cube).join('; ')}.`,
          next: [
            `cubeshift logs ${cube.instances.find(isFaulty)?.instance_id ?? cube.cube_id}`,
            ...(served ? [`cubeshift cubes rollback ${cube.cube_id} --wait`] : []),
          ],
        },
      ];
  }
}

function isFaulty({ health, state }: CubeView['instances'][number]): boolean {
  return health !== 'ok' || state !== 'ready';
}

function instanceFaults({ instances }: CubeView): readonly string[] {
  return instances.filter(isFaulty).map(({ instance_id, health, state, dependencies }) => {
    const away = Object.entries(dependencies).flatMap(([name, one]) => (one === 'ok' ? [] : [name]));
    const lost = away.length === 0 ? '' : `, it cannot reach ${away.join(', ')}`;
    return `${instance_id} is ${state}, health ${health}${lost}`;
  });
}

function trafficProblems({ cube, problems }: TrafficView): readonly Problem[] {
  return problems.map((what) => ({ what: `Traffic of ${cube}: ${what}`, next: [`cubeshift traffic get ${cube}`] }));
}

function migrationProblems(view: MigrationView): readonly Problem[] {
  if (view.status !== 'blocked' && view.status !== 'failed') return [];
  const { message = 'no reason was recorded', hint = '' } = view.error ?? {};
  return [
    { what: `${view.kind} ${view.id} is ${view.status}: ${message} ${hint}`.trimEnd(), next: commandsAfterBlock(view) },
  ];
}

/** What shows or resolves the cause, by the type of the failure. */
function commandsAfterBlock({ id, error, actions }: MigrationView): readonly string[] {
  const status = `cubeshift migrate status ${id}`;
  switch (error?.type) {
    case 'too_many_rejects':
      return [`cubeshift migrate rejects ${id}`, status];
    case 'verification_mismatch':
      return [status, `cubeshift migrate repair ${id} --wait`];
    default:
      return actions.includes('resume') ? [status, `cubeshift migrate resume ${id} --wait`] : [status];
  }
}

/** An earlier run of a kind that failed is no problem once a newer one is there. */
function newestOfEachKind(migrations: readonly MigrationView[]): readonly MigrationView[] {
  return migrations.filter(({ kind }, at) => migrations.findIndex((one) => one.kind === kind) === at);
}
