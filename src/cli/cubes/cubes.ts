import { type Command, Option } from 'commander';
import type { Connect } from '../control-client.js';
import { exitCodes } from '../exit-codes.js';
import { conclude, type Output } from '../output.js';
import { wholeNumber } from '../whole-number.js';
import { changeCube } from './change-cube.js';
import type { Following } from './follow-change.js';
import { showLastChange } from './last-change.js';
import { listInstances } from './list-instances.js';
import { type RollbackOptions, rollBackCube } from './roll-back-cube.js';

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
        listInstances(options, output);
        return exitCodes.done;
      }),
    );

  cubes
    .command('status <cube>')
    .description('show the last change of a cube: its steps, how it ended, and models that legacy has replaced')
    .option('--json', 'as JSON')
    .action((cube: string, options: { json?: boolean }) =>
      conclude(async () => {
        await showLastChange(connect(), cube, options, output);
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
      return conclude(async () => changeCube(connect(), cube, 'deploy', { version, instances }, options, output));
    });
  following('restart <cube>', 'replace every instance with a new one').action((cube: string, options: Following) =>
    conclude(async () => changeCube(connect(), cube, 'restart', {}, options, output)),
  );
  following('scale <cube>', 'run so many instances')
    .argument('<instances>', 'how many', instanceCount)
    .action((cube: string, instances: number, options: Following) =>
      conclude(async () => changeCube(connect(), cube, 'scale', { instances }, options, output)),
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
    .action((cube: string, version: string | undefined, options: RollbackOptions) =>
      conclude(async () => rollBackCube(connect(), cube, version, options, output)),
    );
}
