import { runCubeProgram } from '../../http/cube-program.js';
import { buildSajuProgram, sajuCubeVariables } from './program.js';

/** Entry point of the saju cube. */
await runCubeProgram('saju-cube', sajuCubeVariables, (program) => buildSajuProgram(program));
