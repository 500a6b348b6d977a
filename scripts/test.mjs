// Runs every test but the long runs of test/chaos (or those whose files or folders are named) and ends with the line `N passed, N failed`.
import { prepare } from './prepare.mjs';
import { runTests } from './run-tests.mjs';

prepare();
const named = process.argv.slice(2);
const { passed, failed } = runTests(process.execPath, named.length > 0 ? named : ['--exclude', 'test/chaos/**']);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
