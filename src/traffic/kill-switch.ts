import { isTrafficName, type TrafficName } from '../domain/cubes.js';
import { createPoller, type Poller } from '../registry/polling.js';
import { readKillSwitches } from '../state/kill-switches.js';
import type { Alarms } from './alarms.js';

export interface KillSwitch extends Poller {
  /** Whether the kill switch of the cube is on at this gateway. */
  killed(name: TrafficName): boolean;
}

/**
 * The switch that needs only a disk: a file in `folder` with the name of a cube, or `all`, sends all users to legacy until it
 * is removed. A folder that cannot be read leaves the switch as it is, with an alarm.
 */
export function createKillSwitch(folder: string, everyMillis: number, alarms: Alarms): KillSwitch {
  let files: ReadonlySet<string> = new Set();
  const poll = async () => {
    try {
      files = await readKillSwitches(folder);
      alarms.set('kill-switch', null);
    } catch {
      alarms.set('kill-switch', 'The folder of the kill switches cannot be read; they stay as they are.');
    }
    const unknown = [...files].some((file) => file !== 'all' && !isTrafficName(file));
    alarms.set(
      'kill-switch-name',
      unknown ? 'A file in the folder of the kill switches is named after no cube and switches nothing.' : null,
    );
  };
  const { start, close } = createPoller({ poll, everyMillis });
  return { start, close, killed: (name) => files.has(name) || files.has('all') };
}
