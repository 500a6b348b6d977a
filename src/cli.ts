import { Command, CommanderError } from 'commander';
import { registerAuditCommands } from './cli/audit.js';
import { registerCheckCommand } from './cli/check.js';
import { registerCubeCommands } from './cli/cubes.js';
import { exitCodes } from './cli/exit-codes.js';
import { registerMigrateCommands } from './cli/migrate.js';
import { output } from './cli/output.js';
import { registerReleaseCommands } from './cli/release.js';
import { registerReportCommand } from './cli/report.js';
import { registerSecretCommand } from './cli/secret.js';
import { registerStackCommands } from './cli/stack.js';
import { registerTokenCommand } from './cli/token.js';
import { registerTrafficCommands } from './cli/traffic.js';
import { Failure } from './failures.js';
import { packageVersion } from './package-root.js';

/** Entry point of `cubeshift`. */
const program = new Command('cubeshift')
  .description('moves a monolith to cubes, verified and reversible')
  .version(packageVersion());
program.exitOverride().configureOutput({ writeOut: output.print, writeErr: (text) => output.talk(text.trimEnd()) });
registerStackCommands(program, output);
registerCheckCommand(program, output);
registerMigrateCommands(program, output);
registerTokenCommand(program, output);
registerReportCommand(program, output);
registerSecretCommand(program, output);
registerCubeCommands(program, output);
registerReleaseCommands(program, output);
registerAuditCommands(program, output);
registerTrafficCommands(program, output);
for (const command of allCommands(program)) command.exitOverride().copyInheritedSettings(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  else if (error instanceof Failure) {
    output.talk(error.message);
    process.exitCode = exitCodes.usage;
  } else throw error;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}
