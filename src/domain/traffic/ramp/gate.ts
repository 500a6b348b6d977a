import type { Decision } from './decision.js';
import type { Evidence } from './evidence.js';
import { lackOfEvidence } from './lack-of-evidence.js';
import type { LatencyComparison } from './mann-whitney.js';
import { reasonToGoBack } from './reason-to-go-back.js';
import { reasonToHold } from './reason-to-hold.js';
import type { RampSettings } from './settings.js';

/**
 * Decides about the step a ramp is at, in this order: whatever sends it back; whatever holds it; what it still lacks. No
 * data never passes. `latencies`, compared once at the end of a step, are requested by the reason `latencies_due`.
 */
export function judge(
  evidence: Evidence,
  percentage: number,
  settings: RampSettings,
  latencies?: LatencyComparison,
): Decision {
  return (
    (percentage > 0 ? reasonToGoBack(evidence, percentage, settings) : undefined) ??
    reasonToHold(evidence, percentage, settings) ??
    (percentage > 0 ? lackOfEvidence(evidence, percentage, settings, latencies) : undefined) ?? {
      verdict: 'advance',
      reason: 'all_clear',
      sentence:
        percentage === 0
          ? 'The cube is ready and the gateways report their metrics.'
          : `At ${percentage} % ${evidence.step.requests} requests of the cube showed nothing against it.`,
    }
  );
}
