import { CommanderError } from 'commander';
import { Failure } from '../base/failures.js';
import { exitCodes } from './exit-codes.js';
import { failureLines } from './failure-lines.js';
import { output } from './output.js';
import { createProgram } from './program.js';

/** Entry point of `cubeshift`. */

// The reader of the output may close it early, as `head` does: that is no error, and the work continues to its end.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

try {
  await createProgram(output).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  else if (error instanceof Failure) {
    for (const line of failureLines(error)) output.talk(line);
    process.exitCode = exitCodes.usage;
  } else throw error;
}
