import { faultNames, faults } from './faults.js';
import type { Phase } from './steady-users.js';
import type { Switching, WentBack } from './switching.js';

const count = new Intl.NumberFormat('en');

/** What users met while they went over and came back, on one screen; `plantedInLegacy` is what legacy says of itself. */
export function describeSwitching(
  { crowd, first, lowered, wentBack, again, emergency }: Switching,
  plantedInLegacy: string,
): string {
  const lines: [string, string][] = [
    [
      'users',
      `${crowd.users} through the gateway, ${crowd.perSecond} requests a second: reads, listings, calculations`,
    ],
    ['0 → 100 %', describePhase(first)],
    ...wentBack.flatMap(describeWentBack),
    ['again', `the good version, 0 → 100 %: ${describePhase(again)}`],
    [
      'emergency',
      `a bad version at 100 %, rolled back by hand: the last bad answer came ${seconds(emergency.lastBadMillis)} after the command was typed`,
    ],
    [
      '',
      `${describePhase(emergency.phase)}; the command returned after ${seconds(emergency.commandMillis)}, health watched`,
    ],
    ['less proof', `than usual, so that it takes seconds: ${lowered.join('; ')}; users counted once a second`],
    [
      'planted',
      `in bad versions: ${faultNames.map((name) => faults[name].text).join('; ')}. In legacy, as it says: ${plantedInLegacy}`,
    ],
  ];
  return lines.map(([name, text]) => `${name.padEnd(11)} ${text}`.trimEnd()).join('\n');
}

function describeWentBack({
  fault,
  phase,
  sentence,
  fromPercentage,
  detectionMillis,
  backMillis,
}: WentBack): [string, string][] {
  return [
    [fault, `back from ${fromPercentage} % by itself, ${seconds(detectionMillis)} after its first bad answer`],
    ['', `the last answer of the cube came ${seconds(backMillis)} later; ${describePhase(phase)}`],
    ['', sentence],
  ];
}

function describePhase({ requests, failures, wrong, fromCube }: Phase): string {
  return `${count.format(requests)} requests, ${count.format(fromCube)} answered by the cube, ${count.format(failures)} failed, ${count.format(wrong)} wrong`;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}
