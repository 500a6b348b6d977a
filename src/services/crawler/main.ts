import { runCubeProgram } from '../../http/cube-program.js';
import { buildCrawlerProgram } from './program.js';

/** Entry point of the crawler cube. */
await runCubeProgram('crawler-cube', buildCrawlerProgram);
