import type { Command } from 'commander';
import { Failure } from '../base/failures.js';
import { isVersion } from '../domain/deployment/releases.js';
import { currentHome } from './current-stack.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output, table } from './output.js';
import { withWholePaths } from './release-paths.js';

/**
 * `cubeshift release …`: versions of cubes that may be deployed. They are files of the state folder, and not within reach
 * of the control API: what a machine runs is said on that machine.
 */
export function registerReleaseCommands(program: Command, output: Output): void {
  const release = program.command('release').description('keep versions of cubes, to deploy them or roll back to them');

  release
    .command('add <cube> <version> <command> [args...]')
    .description('keep a version: the command that runs it, after `--` when it has options')
    .option('--env <pair...>', 'a variable of this version, as NAME=value; secrets come from the stack', [])
    .action((cube: string, version: string, command: string, args: string[], options: { env: string[] }) =>
      conclude(async () => {
        if (!isVersion(version))
          throw new Failure('invalid_input', 'A version is letters, digits, dots, dashes and underscores, 63 at most.');
        const home = currentHome();
        home.prepare();
        const env = Object.fromEntries(options.env.map(parsePair));
        const [whole = command, ...wholeArgs] = withWholePaths([command, ...args], process.cwd());
        const created_at = new Date().toISOString();
        if (!home.addRelease({ cube_id: cube, version, command: whole, args: wholeArgs, env, created_at }))
          throw new Failure('conflict', `There is a release ${version} of ${cube} already.`, {
            hint: 'A release stays what it is; give the new one another version.',
          });
        if ([whole, ...wholeArgs].join(' ') !== [command, ...args].join(' '))
          output.talk(`it will run ${[whole, ...wholeArgs].join(' ')}`);
        output.talk(`kept ${version} of ${cube}; deploy it with \`cubeshift cubes deploy ${cube} ${version}\``);
        return exitCodes.done;
      }),
    );

  release
    .command('list [cube]')
    .description('the versions that are kept, the oldest first')
    .option('--json', 'as JSON')
    .action((cube: string | undefined, options: { json?: boolean }) =>
      conclude(async () => {
        const releases = currentHome().releases(cube);
        if (options.json) output.json(releases);
        else
          output.print(
            table([
              ['CUBE', 'VERSION', 'KEPT', 'COMMAND'],
              ...releases.map((one) => [
                one.cube_id,
                one.version,
                one.created_at,
                [one.command, ...one.args].join(' '),
              ]),
            ]),
          );
        return exitCodes.done;
      }),
    );
}

function parsePair(pair: string): readonly [string, string] {
  const place = pair.indexOf('=');
  const name = pair.slice(0, Math.max(0, place));
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new Failure('invalid_input', 'A variable is written --env NAME=value.', {
      hint: 'As in --env LOG_LEVEL=debug.',
    });
  return [name, pair.slice(place + 1)];
}
