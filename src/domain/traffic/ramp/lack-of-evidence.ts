import type { Decision, Reason } from './decision.js';
import type { Evidence } from './evidence.js';
import { millisText, secondsText } from './evidence-texts.js';
import { type LatencyComparison, showsSlower } from './mann-whitney.js';
import type { RampSettings } from './settings.js';

/** Longer than the gateways take to close a window of users. */
const noUsersMillis = 30_000;

/** What a step still lacks, where nothing speaks against the cube: time, requests, users, or the comparison of latencies. */
export function lackOfEvidence(
  evidence: Evidence,
  percentage: number,
  settings: RampSettings,
  latencies: LatencyComparison | undefined,
): Decision | undefined {
  const { step } = evidence;
  const { minimums, interval_seconds } = settings;
  const leftMillis = Math.max(0, interval_seconds * 1000 - step.watchedMillis);
  const leftRequests = Math.max(0, minimums.requests - step.requests);
  const needs = neededText(leftMillis, leftRequests);
  if (step.requests === 0 && (leftMillis === 0 || step.watchedMillis >= noUsersMillis))
    return {
      verdict: leftMillis > 0 ? 'hold' : 'not_enough_evidence',
      reason: 'no_users',
      sentence: `${noUsersText(step, percentage)} ${needs}`,
    };
  if (leftMillis > 0)
    return {
      verdict: 'hold',
      reason: 'time_not_passed',
      sentence: `At ${percentage} % for ${secondsText(step.watchedMillis)} with ${step.requests} requests of the cube. ${needs}`,
    };
  const few = (reason: Reason, have: number, need: number, what: string): Decision => ({
    verdict: 'not_enough_evidence',
    reason,
    sentence: `Not enough evidence at ${percentage} %: ${have} ${what}, about ${need - have} more are needed.`,
  });
  if (step.requests < minimums.requests)
    return few('few_requests', step.requests, minimums.requests, 'requests of the cube');
  if (latencies === undefined)
    return {
      verdict: 'hold',
      reason: 'latencies_due',
      sentence: `The latencies at ${percentage} % are being compared.`,
    };
  if (latencies.cubeUsers < minimums.users)
    return few('few_users', latencies.cubeUsers, minimums.users, 'users of the cube');
  // At 100 % there are no users to compare with; the steps before had some.
  if (percentage < 100 && latencies.legacyUsers < minimums.users)
    return few('few_users', latencies.legacyUsers, minimums.users, 'users of legacy to compare with');
  if (percentage < 100 && showsSlower(latencies))
    return {
      verdict: 'hold',
      reason: 'slower',
      sentence: `The cube is slower: the median user waits ${millisText(latencies.cubeMillis)} there and ${millisText(latencies.legacyMillis)} at legacy (p = ${latencies.pValue.toPrecision(1)}); it is compared again after another ${interval_seconds} s.`,
    };
  return undefined;
}

function neededText(leftMillis: number, leftRequests: number): string {
  const parts = [
    ...(leftMillis > 0 ? [secondsText(leftMillis)] : []),
    ...(leftRequests > 0 ? [`${leftRequests} requests of the cube`] : []),
  ];
  return `The step still needs ${parts.join(' and ')}.`;
}

function noUsersText({ watchedMillis, legacyRequests }: Evidence['step'], percentage: number): string {
  const time = `in ${secondsText(watchedMillis)} at ${percentage} %`;
  return legacyRequests === 0
    ? `No users are coming: ${time} the gateways counted no request of a user.`
    : `No users of the cube are coming: ${time} legacy got ${legacyRequests} requests of users, and the cube none.`;
}
