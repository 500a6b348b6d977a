import { writeCheckPath, writeCheckPermission } from './traffic/write-check.js';

/** A real call that shows that a new version of a cube works before it gets users. */
export interface SmokeCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | null;
  /** What a caller from elsewhere than the gateway must hold. */
  readonly permission: string | null;
  /** Fields that the answer must have, with their values. */
  readonly expected: Readonly<Record<string, string | boolean>>;
}

/** Tries what a user's write would do, and takes it back. */
export const writeCheckCall: SmokeCall = {
  method: 'POST',
  path: writeCheckPath,
  body: null,
  permission: writeCheckPermission,
  expected: { writable: true },
};

/** The first field of an answer that is not as expected; undefined when all are. */
export function wrongField(call: SmokeCall, answer: unknown): string | undefined {
  const fields = typeof answer === 'object' && answer !== null ? (answer as Readonly<Record<string, unknown>>) : {};
  return Object.entries(call.expected).find(([name, value]) => fields[name] !== value)?.[0];
}
