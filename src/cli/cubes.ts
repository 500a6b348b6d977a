import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { CubeView } from '../api/cubes.js';
import type { DeploymentAnswer, RollbackAnswer } from '../api/deployments.js';
import type { MigrationList } from '../api/migrations.js';
import type { RecordedStep } from '../domain/deployment/recorded-step.js';
import type { StackHome } from '../state/home.js';
import { lastLines, programsLoggingSince } from '../state/logs.js';
import type { Connect, ControlClient } from './control-client.js';
import { currentHome } from './current-stack.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { awaitInterruptibly } from './interrupt.js';
import { nextLines } from './next-lines.js';
import { oneLine } from './one-line.js';
import { conclude, type Output, table } from './output.js';
import { replacedModelsLines } from './replaced-models-lines.js';
import { showTemporalPage } from './temporal-page.js';
import { wholeNumber } from './whole-number.js';

interface Following {
  readonly wait?: boolean;
  readonly json?: boolean;
}

const pollMillis = 200;
const instanceCount = wholeNumber(1, 999);

/** `cubeshift cubes …`: what runs of each cube, deployments and emergency rollbacks. */
export function registerCubeCommands(program: Command, output: Output, connect: Connect): void {
  const cubes = program.command('cubes').description('list cubes, deploy, restart, scale and roll them back');

  cubes
    .command('list')
    .description('list the versions and instances of each cube on this machine')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      conclude(async () => {
        const home = currentHome();
        const desired = home.desiredCubes();
        const listed = home.instances().map(({ cubeId, version, instanceId, state, port, pid }) => ({
          cube_id: cubeId,
          version,
          instance_id: instanceId,
          state,
          port,
          pid,
          // Of a cube that was never deployed there is one version alone.
          takes_traffic: version === (desired[cubeId]?.active ?? version),
        }));
        if (options.json) output.json(listed);
        else
          output.print(
            table([
              ['CUBE', 'VERSION', 'INSTANCE', 'STATE', 'PORT', 'TRAFFIC'],
              ...listed.map((one) => [
                one.cube_id,
                one.version,
                one.instance_id,
                one.state,
                String(one.port ?? '–'),
                one.takes_traffic ? 'yes' : 'no',
              ]),
            ]),
          );
        for (const { instanceId, state, lastEnd } of home.instances())
          if (state === 'ended' && !options.json) printLastEnd(home, instanceId, lastEnd, output);
        return exitCodes.done;
      }),
    );

  cubes
    .command('status <cube>')
    .description('show the last change of a cube: its steps, how it ended, and models that legacy has replaced')
    .option('--json', 'as JSON')
    .action((cube: string, options: { json?: boolean }) =>
      conclude(async () => {
        const client = connect();
        if (!options.json) for (const line of await replacedModels(client, cube)) output.print(oneLine(line));
        const view = await client.call<DeploymentAnswer>('GET', `${pathOf(cube)}/deployment`);
        if (options.json) output.json(view);
        else {
          output.print(oneLine(`${view.cube_id}: ${view.change} by ${view.by}, ${view.status}: ${view.sentence}`));
          for (const { at, step, sentence } of view.steps) output.print(oneLine(`  ${at} ${step}: ${sentence}`));
        }
        return exitCodes.done;
      }),
    );

  const following = (name: string, text: string) =>
    cubes
      .command(name)
      .description(text)
      .option('--wait', 'return when the change has ended')
      .option('--json', 'as JSON');

  following('deploy <cube> <version>', 'start a released version next to the active one, and switch the traffic to it')
    .option('--instances <n>', 'how many instances of the version', instanceCount)
    .action((cube: string, version: string, options: Following & { instances?: number }) => {
      const { instances } = options;
      return change(connect, cube, 'deploy', { version, instances }, options, output);
    });
  following('restart <cube>', 'replace every instance with a new one').action((cube: string, options: Following) =>
    change(connect, cube, 'restart', {}, options, output),
  );
  following('scale <cube>', 'run so many instances')
    .argument('<instances>', 'how many', instanceCount)
    .action((cube: string, instances: number, options: Following) =>
      change(connect, cube, 'scale', { instances }, options, output),
    );
  following('rollback <cube> [version]', 'emergency rollback, by default to the version that is still warm')
    .addOption(
      new Option('--acknowledge <why>', 'end a rollback that waits for a person, and take over').conflicts([
        'retry',
        'status',
      ]),
    )
    .addOption(
      new Option(
        '--retry <why>',
        'retry a rollback that waits for a person, with another version if one is named',
      ).conflicts('status'),
    )
    .option('--status', 'only show its state and the commands that fit')
    .action((cube: string, version: string | undefined, options: Following & RollbackOptions) =>
      conclude(async () => {
        const client = connect();
        const path = `${pathOf(cube)}/rollback`;
        const first = await requestRollback(client, path, version, options);
        if (!options.status) showTemporalPage(first, output);
        const look = `cubeshift cubes rollback ${first.cube_id} --status`;
        const view = await follow(client, path, first, look, options, output);
        if (!options.json) for (const line of nextLines(view.next)) output.print(line);
        return view.status === 'escalated' ? exitCodes.failed : exitCodes.done;
      }),
    );
}

interface RollbackOptions {
  readonly acknowledge?: string;
  readonly retry?: string;
  readonly status?: boolean;
}

function requestRollback(
  client: ControlClient,
  path: string,
  version: string | undefined,
  { acknowledge, retry, status }: RollbackOptions,
): Promise<RollbackAnswer> {
  if (status) return client.call<RollbackAnswer>('GET', path);
  const why = acknowledge ?? retry;
  if (why === undefined) return client.call<RollbackAnswer>('POST', path, { target_version: version });
  const answer = { why, retry: retry !== undefined, target_version: version };
  return client.call<RollbackAnswer>('POST', `${path}/acknowledge`, answer);
}

function change(
  connect: Connect,
  cube: string,
  verb: string,
  body: unknown,
  options: Following,
  output: Output,
): Promise<void> {
  return conclude(async (): Promise<ExitCode> => {
    const client = connect();
    const path = pathOf(cube);
    const first = await client.call<DeploymentAnswer>('POST', `${path}/${verb}`, body);
    showTemporalPage(first, output);
    const began = Date.now();
    const look = `cubeshift cubes status ${first.cube_id}`;
    const view = await follow(client, `${path}/deployment`, first, look, options, output);
    if (options.wait && view.status !== 'done') printLogs(cube, began, output);
    return view.status === 'running' || view.status === 'done' ? exitCodes.done : exitCodes.failed;
  });
}

/** Shows a run, and with `--wait` its steps as they come until it is over or needs a person. */
async function follow<T extends { status: string; sentence: string; steps: readonly RecordedStep[] }>(
  client: ControlClient,
  path: string,
  first: T,
  look: string,
  options: Following,
  output: Output,
): Promise<T> {
  const stillRuns = `The change continues. Look at it with \`${look}\`.`;
  const view = await awaitInterruptibly(stillRuns, output, () => followed(client, path, first, options, output));
  if (options.json) output.json(view);
  else output.print(oneLine(`${view.status}: ${view.sentence}`));
  return view;
}

async function followed<T extends { status: string; sentence: string; steps: readonly RecordedStep[] }>(
  client: ControlClient,
  path: string,
  first: T,
  options: Following,
  output: Output,
): Promise<T> {
  let view = first;
  let shown = 0;
  const showProgress = () => {
    for (const step of view.steps.slice(shown)) {
      const isResult = !options.json && step.step === view.status && step.sentence === view.sentence;
      // Printed once, by `follow`.
      if (!isResult) output.talk(oneLine(`${step.step}: ${step.sentence}`));
    }
    shown = view.steps.length;
  };
  while (options.wait && view.status === 'running') {
    showProgress();
    await sleep(pollMillis);
    view = await client.readWithRetries<T>(path, output);
  }
  if (options.wait) showProgress();
  return view;
}

/** None where they cannot be read: the command is for the last change. */
async function replacedModels(client: ControlClient, cube: string): Promise<readonly string[]> {
  try {
    const [view, { items }] = await Promise.all([
      client.call<CubeView>('GET', pathOf(cube)),
      client.call<MigrationList>('GET', '/v1/migrations'),
    ]);
    return replacedModelsLines(view, items);
  } catch {
    return [];
  }
}

/** What the instances of a cube said last that wrote something since then: of a version that does not come up, why. */
function printLogs(cube: string, since: number, output: Output): void {
  const home = currentHome();
  for (const program of programsLoggingSince(home.fileOf('logs'), since))
    if (program.startsWith(`${cube}-`)) printLastEnd(home, program, null, output);
}

function printLastEnd(home: StackHome, instanceId: string, lastEnd: string | null, output: Output): void {
  const file = home.logOf(instanceId);
  output.talk(`${instanceId}${lastEnd === null ? '' : ` ${lastEnd}`}; the last lines of its log ${file}:`);
  for (const line of lastLines(file)) output.talk(`  ${line}`);
}

function pathOf(cube: string): string {
  return `/v1/cubes/${encodeURIComponent(cube)}`;
}
