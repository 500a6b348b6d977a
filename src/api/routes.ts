import { Type } from 'typebox';
import type { FailureType } from '../base/failures.js';
import { migrationIdPattern } from '../domain/migration/migration.js';
import { problemResponses } from './problem.js';

// What each request may meet (no token, no permission, a wrong field, a body too large) is added to every route by itself.

/** How a route fails that reads or writes the cube database. */
export const ledgerFailures = [
  'cube_unreachable',
  'database_overloaded',
  'disk_full',
  'permission_denied',
  'cube_schema_mismatch',
  'unexpected',
] as const satisfies readonly FailureType[];

/** The problems of routes that start or steer a plan, and record that in the audit. */
export const planProblems = problemResponses(
  'not_found',
  'conflict',
  'not_at_this_stage',
  'temporal_unreachable',
  ...ledgerFailures,
);

/** The answers of routes that start or steer a migration. */
export const acceptedMigration = { 202: { $ref: 'Migration#' }, ...planProblems };

export const idParameter = Type.Object({ id: Type.String({ pattern: migrationIdPattern }) });

export const pageLimit = Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: '1 to 1000' }));
