// Runs the long tests that kill, freeze and restart programs and servers at random and at each step, and ends as `npm test` does.
import { prepare } from './prepare.mjs';
import { runTests } from './run-tests.mjs';

prepare();
const { passed, failed } = runTests(process.execPath, ['test/chaos']);
process.stdout.write(`chaos: ${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
