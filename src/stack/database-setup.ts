import { toFailure } from '../base/failures.js';
import { configureOrExit } from '../config/configuration.js';
import { setUpCubeDatabase } from './servers/cube-database.js';

/** Entry point of the program that sets up the cube database, before the programs that use it start. */
const config = configureOrExit(['database-setup']);
try {
  await setUpCubeDatabase(config.CUBE_ADMINISTRATOR_URL, config.CUBE_ROLE_PASSWORDS);
  process.stderr.write('cube database: roles, ledger and rights are in place\n');
} catch (error) {
  const failure = toFailure(error);
  process.stderr.write(`${[failure.message, failure.safe, failure.hint].join('\n')}\n`);
  process.exitCode = 1;
}
