import { Command } from 'commander';
import { describeVersion } from '../base/build.js';
import { registerAuditCommands } from './audit.js';
import { registerBlobCommands } from './blobs.js';
import { registerCheckCommand } from './check.js';
import { registerCompletionCommand } from './completion/completion.js';
import { type Connect, createControlClient } from './control-client.js';
import { registerCubeCommands } from './cubes/cubes.js';
import { addExamples, wordsOf } from './examples.js';
import { usageLines } from './failure-lines.js';
import { nameElsewhere, refuseUnknownWords, registerHelpCommands } from './help.js';
import { checkKnownWords } from './known-words.js';
import { registerLogsCommand } from './logs.js';
import { registerMigrateCommands } from './migrate.js';
import { registerModelCommands } from './models.js';
import type { Output } from './output.js';
import { personNamed } from './person.js';
import { registerReleaseCommands } from './release.js';
import { registerReportCommand } from './report.js';
import { registerSecretCommand } from './secret.js';
import { registerStackCommands } from './stack.js';
import { registerStatusCommand } from './status.js';
import { registerTokenCommand } from './token.js';
import { registerTrafficCommands } from './traffic.js';

/** Every command of `cubeshift`, writing to `output`. */
export function createProgram(output: Output): Command {
  const program = new Command('cubeshift')
    .description('moves a monolith to cubes, verified and reversible')
    .version(
      describeVersion(),
      '-V, --version',
      'print the version, the commit it was built from, and the version of Node.js',
    )
    .option('--by <name>', 'who you are, for the audit; any command that changes something takes it', personNamed);
  const connect: Connect = (contents) => createControlClient(program.opts<{ by?: string }>().by, contents);
  program.exitOverride().configureOutput({
    writeOut: (text) => output.print(text.trimEnd()),
    writeErr: (text) => output.talk(text.trimEnd()),
  });
  registerStackCommands(program, output);
  registerStatusCommand(program, output, connect);
  registerLogsCommand(program, output);
  registerCheckCommand(program, output);
  registerMigrateCommands(program, output, connect);
  registerTokenCommand(program, output);
  registerReportCommand(program, output);
  registerSecretCommand(program, output, connect);
  registerCubeCommands(program, output, connect);
  registerModelCommands(program, output, connect);
  registerBlobCommands(program, output, connect);
  registerReleaseCommands(program, output);
  registerAuditCommands(program, output, connect);
  registerTrafficCommands(program, output, connect);
  registerCompletionCommand(program, output);
  registerHelpCommands(program);
  const commands = allCommands(program);
  checkKnownWords(commands);
  for (const command of commands) command.exitOverride().copyInheritedSettings(program);
  for (const command of [program, ...commands])
    command.configureOutput({
      outputError: (text) => {
        for (const line of usageLines(nameElsewhere(program, text), wordsOf(command))) output.talk(line);
      },
    });
  refuseUnknownWords([program, ...commands]);
  addExamples(program, commands);
  return program;
}

/** The commands below a command, theirs too. */
export function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}
