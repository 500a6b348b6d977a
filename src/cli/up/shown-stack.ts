import { nextLines } from '../next-lines.js';
import type { Output } from '../output.js';

/** Where a stack that is up is reached, and what to type next. */
export function showStack(env: Readonly<Record<string, string>>, isUp: string, output: Output): void {
  output.talk(`gateway          ${env.GATEWAY_URL}`);
  output.talk(`control API      ${env.CONTROL_URL}`);
  if (env.TEMPORAL_UI_URL !== undefined) output.talk(`Temporal Web UI  ${env.TEMPORAL_UI_URL}`);
  output.talk('variables        cubeshift env');
  output.talk(isUp);
  const next = {
    command: 'cubeshift status',
    what: 'everything on one screen, with what to type where something is wrong',
  };
  for (const line of nextLines([next])) output.talk(line);
}
