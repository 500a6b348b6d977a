import { isTrafficName, type TrafficName } from '../domain/cubes.js';
import { createPoller, type Poller } from '../registry/polling.js';
import { readKillSwitches } from '../state/kill-switches.js';
import type { Alarms } from './alarms.js';

export interface KillSwitch extends Poller {
  /** Whether the cube is switched off here. */
  killed(name: TrafficName): boolean;
}

/**
 * The switch that needs nothing but a disk: a file named after a cube, or `all`, in `folder` sends everybody to legacy
 * until it is removed. A folder that cannot be read leaves the switch as it is, with an alarm.
 */
export function createKillSwitch(folder: string, everyMillis: number, alarms: Alarms): KillSwitch {
  let thrown: ReadonlySet<string> = new Set();
  const poll = async () => {
    try {
      thrown = await readKillSwitches(folder);
      alarms.set('kill-switch', null);
    } catch {
      alarms.set('kill-switch', 'The folder of the kill switches cannot be read; they stay as they are.');
    }
    const strange = [...thrown].some((file) => file !== 'all' && !isTrafficName(file));
    alarms.set(
      'kill-switch-name',
      strange ? 'A file in the folder of the kill switches is named after no cube and switches nothing.' : null,
    );
  };
  const { start, close } = createPoller({ poll, everyMillis });
  return { start, close, killed: (name) => thrown.has(name) || thrown.has('all') };
}
