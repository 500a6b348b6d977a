import { ActivityFailure } from '@temporalio/workflow';
import type { CheckResult } from '../../domain/check-result.js';
import type { Decision } from '../../domain/traffic/ramp/decision.js';
import { judge } from '../../domain/traffic/ramp/gate.js';
import { nextStep } from '../../domain/traffic/ramp/steps.js';
import type { RampRun } from '../lib/ramp-run.js';
import { byRamp, recordMove, setWeight } from './change-weight.js';
import { goBack } from './go-back.js';
import { reads } from './ramp-steps.js';

/** Judges what was seen, and does what follows from it. */
export async function decide(ramp: RampRun): Promise<void> {
  const { settings } = ramp.input;
  let decision = judge(ramp.state.evidence, ramp.state.found, settings);
  if (decision.reason === 'latencies_due' && ramp.state.status === 'ramping') {
    const compared = await ramp.untilCommanded(() => reads.compareUserLatencies(ramp.input.cube)).catch(notCompared);
    if (compared === undefined) return;
    decision =
      'missing' in compared
        ? { verdict: 'hold', reason: 'metrics_missing', sentence: compared.missing }
        : judge(ramp.state.evidence, ramp.state.found, settings, compared);
  }
  if (decision.verdict === 'back') return goBack(ramp, decision);
  if (ramp.state.status === 'holding_off' && Date.now() >= (ramp.state.holdOffUntil ?? 0)) {
    ramp.setStep(0, true);
    ramp.enter('ramping', { verdict: 'hold', reason: 'started_again', sentence: 'The hold-off is over.' });
    return;
  }
  if (ramp.state.status !== 'ramping') return;
  // Compared once a step: another comparison needs another step's time.
  if (decision.reason === 'slower') ramp.setStep(ramp.state.percentage);
  if (decision.verdict === 'advance') return advance(ramp, decision);
  ramp.enter('ramping', decision);
}

function notCompared(error: unknown): { readonly missing: string } {
  if (!(error instanceof ActivityFailure)) throw error;
  return { missing: `The latencies could not be read (${error.cause?.message ?? 'unknown'}).` };
}

async function advance(ramp: RampRun, { sentence }: Decision): Promise<void> {
  const { steps } = ramp.input;
  const next = nextStep(steps, ramp.state.percentage);
  if (next === undefined) {
    const all = `The target is reached. ${sentence}`;
    ramp.enter('completed', { verdict: 'advance', reason: 'target_reached', sentence: all });
    return;
  }
  const unwritable = await whyNotWritable(ramp);
  if (unwritable === 'interrupted') return;
  if (unwritable !== undefined)
    return ramp.enter('ramping', {
      verdict: 'hold',
      reason: 'cannot_write',
      sentence: `No more users are moved to the cube: ${unwritable}.`,
    });
  const why = `${sentence} On to ${next} %.`;
  const { done } = await setWeight(ramp, { percentage: next, onlyIf: ramp.state.percentage, by: byRamp(ramp), why });
  // Another program was faster: the next observation shows which.
  if (!done) return;
  recordMove(ramp, { action: 'ramp.advance', from: ramp.state.percentage, to: next, why: sentence });
  ramp.setStep(next);
  ramp.enter('ramping', { verdict: 'advance', reason: 'all_clear', sentence: why });
}

/** Why the cube cannot write where its users' writes go; undefined where it was seen to. */
async function whyNotWritable(ramp: RampRun): Promise<string | undefined> {
  const verdict = await ramp
    .untilCommanded(() => reads.checkWrites(ramp.input.cube))
    .catch((error: unknown): CheckResult => {
      if (!(error instanceof ActivityFailure)) throw error;
      return { passed: false, sentence: `whether it can write is unknown (${error.cause?.message ?? 'unknown'})` };
    });
  if (verdict === undefined) return 'interrupted';
  return verdict.passed ? undefined : verdict.sentence;
}
