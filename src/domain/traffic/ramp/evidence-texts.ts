import type { Evidence } from './evidence.js';
import { findCrossUserResponse } from './shadow-limit.js';

/** How findings about a cube are worded, for whichever verdict follows from them. */

/** Undefined while no user got, or would have got, the answer of another. */
export function crossUserResponseText({ crossUserResponses: count, shadow }: Evidence): string | undefined {
  if (count > 0)
    return `${count === 1 ? 'An answer' : `${count} answers`} of the cube belonged to another call; no user got to see it.`;
  const found = findCrossUserResponse(shadow);
  return found === undefined
    ? undefined
    : `In the shadow comparison the cube answered ${found.route} with the record of another user: ${found.field} differs from legacy’s.`;
}

export function burnText(burn: number): string {
  return `The cube uses up its budget of errors ${burn.toFixed(1)} times as fast as it may`;
}

export function mismatchText({
  route,
  field,
  mismatched,
  compared,
}: {
  route: string;
  field: string;
  mismatched: number;
  compared: number;
}): string {
  return `In the shadow comparison ${field} of ${route} differs in ${mismatched} of ${compared} answers, more than 0.03 %.`;
}

export function lineText({ latency }: Evidence): string {
  const { cubeSeconds, legacySeconds } = latency;
  return `The cube's p99 of ${millisText((cubeSeconds ?? 0) * 1000)} is above twice legacy's ${millisText((legacySeconds ?? 0) * 1000)} and above it by 100 ms`;
}

export function secondsText(millis: number): string {
  // Never more than has passed: a sentence names the limit beside it.
  const seconds = Math.max(1, Math.floor(millis / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export function millisText(millis: number | null): string {
  return millis === null ? 'unknown' : `${millis < 10 ? millis.toFixed(1) : Math.round(millis)} ms`;
}
