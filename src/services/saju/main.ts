import { runCubeProgram } from '../../http/cube-program.js';
import { buildSajuProgram } from './program.js';

/** Entry point of the saju cube. */
await runCubeProgram('saju-cube', (program) => buildSajuProgram(program));
