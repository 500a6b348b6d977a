import { migrationKinds } from '../../domain/catalog.js';
import { endedStatuses, type MigrationView } from '../../domain/migration/migration.js';
import { commandsFor, itemsLine, movedRows } from '../follow-migration.js';
import { oneLine } from '../one-line.js';
import { table } from '../output.js';
import { checkedLine, rampHeadline } from '../ramp-lines.js';
import { replacedModelsLines } from '../replaced-models-lines.js';
import type { Problem } from './problems.js';
import type { StackState } from './stack-state.js';
import type { SystemStatus } from './system-status.js';

const maxEnded = 3;
const firstStart = `cubeshift migrate start ${migrationKinds[0]} --id first --wait`;

/** The system on one screen: what is wrong, servers, cubes with their users, and runs with what each waits for. */
export function statusScreen(status: SystemStatus, problems: readonly Problem[]): string {
  const sections = [
    problemLines(problems).map(oneLine),
    serverLines(status),
    cubeLines(status),
    runLines(status).map(oneLine),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function problemLines(problems: readonly Problem[]): readonly string[] {
  if (problems.length === 0) return ['Nothing is wrong.'];
  return [
    `WRONG: ${problems.length}`,
    ...problems.flatMap(({ what, next }) => [`! ${what}`, ...next.map((command) => `    ${command}`)]),
  ];
}

function serverLines({ stack, control }: SystemStatus): readonly string[] {
  const rows =
    stack === null
      ? Object.entries(control?.dependencies ?? {}).map(([name, state]) => [name.replaceAll('_', ' '), state, '–'])
      : stack.processes.map(({ name, state, port }) => [name, state, String(port ?? '–')]);
  if (rows.length === 0) return [];
  return [table([['SERVER', 'STATE', 'PORT'], ...rows]), ...(stack?.restarted ?? []).map(restartLine)];
}

function restartLine({ name, at, before }: StackState['restarted'][number]): string {
  return `${name} runs again since ${at.slice(0, 19).replace('T', ' ')}: the process before ${before}; \`cubeshift logs ${name}\``;
}

function cubeLines({ cubes, traffic, migrations }: SystemStatus): readonly string[] {
  // One that answers lists every cube there can be.
  if (cubes.length === 0) return ['CUBES: not known'];
  const shown = cubes.filter(({ instances }) => instances.length > 0);
  if (shown.length === 0) return ['CUBES: none runs'];
  const users = (cubeId: string) => {
    const weight = traffic.find(({ cube_id }) => cube_id === cubeId);
    if (weight === undefined) return '–';
    if (!weight.enabled) return 'closed';
    return weight.percentage === null ? 'invalid' : `${weight.percentage} %`;
  };
  const instances = (all: (typeof cubes)[number]['instances']) =>
    `${all.filter(({ state }) => state === 'ready').length} of ${all.length} ready`;
  return [
    table([
      ['CUBE', 'VERSION', 'INSTANCES', 'HEALTH', 'USERS'],
      ...shown.map((cube) => [
        cube.cube_id,
        cube.active_version ?? cube.versions.join(', '),
        instances(cube.instances),
        cube.health,
        users(cube.cube_id),
      ]),
    ]),
    ...shown.flatMap((cube) => replacedModelsLines(cube, migrations)).map(oneLine),
  ];
}

function runLines({ stack, control, migrations, ramps, deployments, rollbacks }: SystemStatus): readonly string[] {
  if (control === null) {
    const stopped = stack?.processes.length === 0;
    if (stopped && !stack.hasComeUp) return ['RUNS: none yet'];
    return [
      stopped
        ? 'RUNS: not known; they continue where they were once the stack is up'
        : 'RUNS: not known; migrations and ramps that were running continue with their workers',
    ];
  }
  const open = migrations.filter(({ status }) => !endedStatuses.has(status));
  const ended = migrations.filter(({ status }) => endedStatuses.has(status)).slice(0, maxEnded);
  const hidden = migrations.length - open.length - ended.length;
  const runs = [
    ...[...open, ...ended].flatMap(migrationLines),
    ...(hidden > 0 ? [`${hidden} more that ended: \`cubeshift migrate list\``] : []),
    ...ramps.flatMap((ramp) => [
      `ramp of ${ramp.cube}: ${rampHeadline(ramp)}`,
      ...[ramp.sentence, checkedLine(ramp, Date.now()) ?? []].flat().map((line) => `    ${line}`),
    ]),
    ...rollbacks
      .filter(({ status }) => status === 'running' || status === 'escalated')
      .flatMap((one) => [`rollback of ${one.cube_id}: ${one.status} at ${one.step}`, `    ${one.sentence}`]),
    ...deployments
      .filter(({ status }) => status === 'running')
      .flatMap((one) => [`${one.change} of ${one.cube_id}: running at ${one.step}`, `    ${one.sentence}`]),
  ];
  return runs.length === 0 ? [`RUNS: none; \`${firstStart}\` starts one`] : ['RUNS', ...runs];
}

function migrationLines(view: MigrationView): readonly string[] {
  const { migrated, rejected, total, rate_per_second, eta_seconds, items } = view.progress;
  const handled = migrated + rejected - (items?.left ?? 0);
  const isOpen = !endedStatuses.has(view.status);
  const share =
    isOpen && total > 0 ? `; ${Math.min(100, Math.floor((handled / total) * 100))} % of the rows handled` : '';
  const left = eta_seconds === null ? '' : `, ${rate_per_second} rows/s, ${eta_seconds} s left`;
  return [
    `${view.kind} ${view.id}: ${view.status} at ${view.stage}`,
    `    ${movedRows(view.progress)}${share}${left}${itemsLine(view)}; verification ${view.verification.status}`,
    ...waitLines(view),
  ];
}

/** What a run waits for; nothing for one that goes on by itself or has ended. */
function waitLines(view: MigrationView): readonly string[] {
  const { status, pending, error } = view;
  if (endedStatuses.has(status)) return [];
  if (pending !== undefined && pending !== null) return [`    ${pending} was accepted and is carried out next`];
  if (status === 'running') return error === null ? [] : [`    it retries: ${error.message}`];
  return ['    waits for a command:', ...commandsFor(view).map(({ command }) => `        ${command}`)];
}
