import { Failure } from '../../base/failures.js';

/** A version of a cube as it is kept for deploying it and for coming back to it: what to run, and with which settings. */
export interface Release {
  readonly cube_id: string;
  readonly version: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Variables of this version, in addition to the stack's own, which hold the secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** ISO 8601, UTC. */
  readonly created_at: string;
}

/** Whether a text may name a version: it becomes part of file names, variables and instance ids. */
export function isVersion(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,62}$/.test(text);
}

/** The versions whose releases lie in a cube's folder, by the names of the files. */
export function versionsOf(names: readonly string[]): readonly string[] {
  return names
    .flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []))
    .filter(isVersion)
    .sort();
}

/** Of a version that was never released, or is kept no longer: it names those that are. */
export function noSuchRelease(cubeId: string, version: string, kept: readonly string[]): Failure {
  // The file of one that was damaged has its name all the same.
  const others = kept.filter((one) => one !== version);
  const are = others.length === 0 ? 'no other is kept' : `kept are ${others.join(', ')}`;
  return new Failure('not_found', `There is no release ${version.slice(0, 64)} of ${cubeId}; ${are}.`, {
    hint: 'Add one with `cubeshift release add`, or name one that is kept.',
  });
}

/** A release as a file holds it; undefined for what is none. */
export function readRelease(content: unknown): Release | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const { cube_id, version, command, args, env, created_at } = content as Record<string, unknown>;
  const right =
    typeof cube_id === 'string' &&
    typeof version === 'string' &&
    isVersion(version) &&
    typeof command === 'string' &&
    command !== '' &&
    typeof created_at === 'string';
  return right && isTexts(args) && isVariables(env) ? { cube_id, version, command, args, env, created_at } : undefined;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isVariables(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && isTexts(Object.values(value));
}
