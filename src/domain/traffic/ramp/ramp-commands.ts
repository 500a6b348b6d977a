import type { NextCommand } from '../../next-command.js';
import { type RampAction, type RampView, rampTexts } from './ramp.js';

/** What a person may type about a ramp. `set` needs no command of the ramp's own: a weight that is set by hand makes it wait. */
export function rampCommands({ cube, actions }: Pick<RampView, 'cube' | 'actions'>): readonly NextCommand[] {
  const commands: Readonly<Partial<Record<RampAction, NextCommand>>> = {
    pause: {
      command: `cubeshift traffic ramp ${cube} --pause`,
      what: rampTexts.pause,
    },
    resume: { command: `cubeshift traffic ramp ${cube} --resume`, what: rampTexts.resume },
    stop: { command: `cubeshift traffic stop ${cube}`, what: rampTexts.stop },
    alarm: { command: `cubeshift traffic set ${cube} 0`, what: 'send everybody to legacy, now' },
  };
  return actions.flatMap((action) => commands[action] ?? []);
}
