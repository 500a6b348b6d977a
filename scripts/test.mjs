// Runs every test (or those whose file names are given) and ends with the line `N passed, N failed`.
import { prepare } from './prepare.mjs';
import { runTests } from './run-tests.mjs';

prepare();
const { passed, failed } = runTests(process.execPath, process.argv.slice(2));
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
