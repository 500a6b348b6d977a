import type { NextCommand } from '../../next-command.js';
import type { RampAction, RampView } from './ramp.js';

/** What a person may type about a ramp. `set` needs no command of the ramp's own: a weight that is set by hand makes it wait. */
export function rampCommands({ cube, actions }: Pick<RampView, 'cube' | 'actions'>): readonly NextCommand[] {
  const commands: Readonly<Partial<Record<RampAction, NextCommand>>> = {
    pause: {
      command: `cubeshift traffic ramp ${cube} --pause`,
      what: 'keep the weight; the ramp still goes back when users suffer',
    },
    resume: { command: `cubeshift traffic ramp ${cube} --resume`, what: 'let it go on from the weight as it is' },
    stop: { command: `cubeshift traffic stop ${cube}`, what: 'end it; the weight stays' },
    alarm: { command: `cubeshift traffic set ${cube} 0`, what: 'send everybody to legacy, now' },
  };
  return actions.flatMap((action) => commands[action] ?? []);
}
