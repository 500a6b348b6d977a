import { Type } from 'typebox';
import { trafficNames } from '../domain/cubes.js';
import { type RampVerdict, rampVerdicts } from '../domain/traffic/ramp/decision.js';
import {
  type LaterChange,
  type RampAction,
  type RampAnswer,
  rampActions,
  rampStatuses,
} from '../domain/traffic/ramp/ramp.js';
import { schemaOf } from './schema-of.js';
import { emptyBody, nextCommands, nullable, oneOf, planIds, reason } from './shapes.js';

const weight = Type.Integer({ minimum: 1, maximum: 100 });

export const rampStartBody = Type.Object(
  {
    target_percentage: Type.Optional(weight),
    step: Type.Optional(weight),
    steps: Type.Optional(Type.Array(weight, { minItems: 1, maxItems: 100 })),
    interval_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 604_800 })),
    check_interval_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600 })),
    minimums: Type.Optional(
      Type.Object(
        {
          requests: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
          users: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
        },
        { additionalProperties: false },
      ),
    ),
    slow_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600 })),
    error_budget_percent: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
  },
  {
    title: 'RampRequest',
    additionalProperties: false,
    description: 'steps that are given end at their last unless a target is; else to 100 % in steps of 10',
  },
);

export const rampSteeringBodies = {
  pause: emptyBody,
  resume: emptyBody,
  set: Type.Object(
    { percentage: Type.Integer({ minimum: 0, maximum: 100 }), why: Type.Optional(reason) },
    { additionalProperties: false },
  ),
  // No text of whatever raised it is a reason to leave users on the cube.
  alarm: Type.Object({ why: Type.String({ minLength: 1, maxLength: 1000 }) }, { additionalProperties: false }),
} as const satisfies Partial<Record<RampAction, object>>;

export const rampSchema = schemaOf<RampAnswer>()(
  Type.Object(
    {
      cube: oneOf(trafficNames),
      ...planIds,
      status: oneOf(rampStatuses),
      percentage: Type.Integer({
        description: 'the share of users on the cube now; where Redis does not answer, as it was seen last',
      }),
      weight: nullable<RampAnswer['weight']>(
        schemaOf<NonNullable<RampAnswer['weight']>>()(
          Type.Object(
            { enabled: Type.Boolean(), percentage: nullable<number>(Type.Integer()) },
            { description: 'the flags at this moment; null where Redis does not answer' },
          ),
        ),
      ),
      target_percentage: Type.Integer(),
      steps: Type.Array(Type.Integer()),
      verdict: nullable<RampVerdict>(oneOf(rampVerdicts)),
      reason: Type.String(),
      sentence: Type.String({ description: 'why it is where it is' }),
      since: Type.String(),
      checks: Type.Integer(),
      checked_at: nullable<string>(Type.String()),
      evidence: Type.Object(
        {
          step_watched_seconds: Type.Integer(),
          step_requests: Type.Integer(),
          step_failed_requests: Type.Integer(),
          likelihood_ratio: Type.Number({ description: 'of more errors on the cube; above 100 it goes back' }),
          cube_p99_ms: nullable<number>(Type.Number()),
          legacy_p99_ms: nullable<number>(Type.Number()),
          shadow_compared: Type.Integer(),
          shadow_mismatched: Type.Integer(),
        },
        { description: 'what was seen since the step, or since the ramp went back' },
      ),
      rollbacks: Type.Array(
        Type.Object({
          at: Type.String(),
          from_percentage: Type.Integer(),
          reason: Type.String(),
          sentence: Type.String(),
        }),
      ),
      hold_off_until: nullable<string>(Type.String()),
      settings: Type.Object({
        interval_seconds: Type.Integer(),
        check_interval_seconds: Type.Integer(),
        minimums: Type.Object({ requests: Type.Integer(), users: Type.Integer() }),
        slow_seconds: Type.Integer(),
        error_budget_percent: Type.Number(),
      }),
      lowered: Type.Array(Type.String(), { description: 'settings that require less proof than usual' }),
      started_by: Type.String(),
      changed_since_end: nullable<LaterChange>(
        schemaOf<LaterChange>()(
          Type.Object(
            { by: nullable<string>(Type.String()), at: nullable<string>(Type.String()), why: Type.String() },
            {
              description:
                'the last change of the weight since the ramp ended; `by` and `at` are null where it was not made through the engine',
            },
          ),
        ),
      ),
      actions: Type.Array(oneOf(rampActions)),
      next: nextCommands,
    },
    { $id: 'Ramp' },
  ),
);
