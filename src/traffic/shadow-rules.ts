import { Failure } from '../base/failures.js';
import type { ShadowRule } from '../domain/traffic/shadow-comparison.js';
import { stateFiles } from '../state/files.js';
import { readText } from '../state/text-files.js';

const names = ['route', 'field', 'owner', 'why', 'expires'] as const;

/**
 * The rules of a file; none without a file. Throws `configuration_invalid` for a wrong file: a comparison with other rules than
 * intended is worse than none.
 */
export async function readShadowRules(file: string): Promise<readonly ShadowRule[]> {
  const text = await readText(file);
  return text === undefined ? [] : parseShadowRules(text);
}

/** Parses such a file: a list of objects, each with every part. */
export function parseShadowRules(text: string): readonly ShadowRule[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid('is no JSON');
  }
  if (!Array.isArray(parsed)) throw invalid('must be a list');
  return parsed.map((entry: unknown, index) => {
    if (typeof entry !== 'object' || entry === null) throw invalid(`entry ${index + 1} must be an object`);
    const extra = Object.keys(entry).find((name) => !names.some((known) => known === name));
    if (extra !== undefined) throw invalid(`entry ${index + 1} has an unknown part`);
    const part = (name: (typeof names)[number]): string => {
      const value: unknown = (entry as Record<string, unknown>)[name];
      if (typeof value !== 'string' || value === '') throw invalid(`entry ${index + 1} needs a text as ${name}`);
      return value;
    };
    const expires = part('expires');
    if (!/^\d{4}-\d{2}-\d{2}$/.test(expires) || Number.isNaN(Date.parse(expires)))
      throw invalid(`entry ${index + 1} must name a day as expires`);
    return { route: part('route'), field: part('field'), owner: part('owner'), why: part('why'), expires };
  });
}

function invalid(sentence: string): Failure {
  return new Failure('configuration_invalid', `${stateFiles.shadowRules} ${sentence}.`);
}
