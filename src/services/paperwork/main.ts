import { runCubeProgram } from '../../http/cube-program.js';
import { buildPaperworkProgram } from './program.js';

/** Entry point of the paperwork cube. */
await runCubeProgram('paperwork-cube', buildPaperworkProgram);
