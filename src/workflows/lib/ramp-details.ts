import type { RampView } from '../../domain/traffic/ramp/ramp.js';
import { rampCommands } from '../../domain/traffic/ramp/ramp-commands.js';
import { block, commandBlock, listBlock, page, plainText } from './markdown.js';

/** A ramp as an operator reads it in Temporal, in Markdown: where it is and why, what it has seen, what to type. */
export function rampDetails(view: RampView): string {
  const { cube, status, percentage, target_percentage, sentence, rollbacks, lowered, steps, checks, checked_at } = view;
  const back = rollbacks
    .slice(-shownRollbacks)
    .map((one) => `${one.from_percentage} % at ${one.at}: ${plainText(one.sentence)}`);
  const isWaiting = status === 'waiting';
  const what = commandBlock(isWaiting ? 'What to type now:' : 'What to type, if need be:', rampCommands(view));
  return page([
    `**${status}** at **${percentage} %** of ${target_percentage} %: ${plainText(sentence)}`,
    ...(isWaiting ? what : []),
    listBlock('Seen at this step:', evidenceOf(view)),
    block([
      `Steps: ${steps.map((step) => `${step} %`).join(', ')}; ${checks} checks${checked_at === null ? '' : `, the last at ${checked_at}`}`,
      ...(lowered.length === 0 ? [] : [`Less proof than usual is required: ${lowered.join('; ')}`]),
    ]),
    ...(back.length === 0 ? [] : [listBlock('Went back to 0 % from:', back)]),
    ...(isWaiting ? [] : what),
    `As it is now: \`cubeshift traffic ramp ${cube} --status\``,
  ]);
}

const shownRollbacks = 3;

function evidenceOf({ evidence, settings }: RampView): readonly string[] {
  const millis = (value: number | null) => (value === null ? 'not known' : `${value} ms`);
  return [
    `**${evidence.step_watched_seconds}** of ${settings.interval_seconds} seconds watched`,
    `**${evidence.step_requests}** of ${settings.minimums.requests} requests to the cube, **${evidence.step_failed_requests}** failed`,
    `p99 latency of the cube **${millis(evidence.cube_p99_ms)}**, of legacy **${millis(evidence.legacy_p99_ms)}**`,
    `**${evidence.shadow_compared}** answers compared, **${evidence.shadow_mismatched}** different`,
  ];
}
