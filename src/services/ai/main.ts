import { runCubeProgram } from '../../http/cube-program.js';
import { buildAiProgram } from './program.js';

/** Entry point of the AI cube. */
await runCubeProgram('ai-cube', buildAiProgram);
