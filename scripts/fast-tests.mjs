// Runs the fast tests (rules, plans under time skipping, replay of saved histories) on another Node.js than the one that runs
// this: the newest that is tested, or the oldest that is supported. It is fetched once, as the servers are.
import { prepare } from './prepare.mjs';
import { runTests } from './run-tests.mjs';

prepare();
const { defaultCacheFolder, ensureArtifact } = await import('../dist/src/stack/downloads/fetch.js');
const log = (text) => void process.stderr.write(`${text}\n`);
const isOldest = process.versions.node.startsWith('20.');
const node = await ensureArtifact(isOldest ? 'node-24' : 'node-20', defaultCacheFolder(process.env), log);
log(`the fast tests on ${isOldest ? 'Node.js 24' : 'Node.js 20'}, with ${node}`);
const { passed, failed } = runTests(node, ['test/unit', 'test/workflow', 'test/replay']);
process.stdout.write(`fast: ${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
