import { Type } from 'typebox';
import type { NextCommand } from '../domain/next-command.js';
import { schemaOf } from './schema-of.js';

/** Shapes that several requests and answers have in common. */

export const nullable = <T>(schema: object) => Type.Unsafe<T | null>({ anyOf: [schema, { type: 'null' }] });

/** One of these texts. */
export const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });

/** The body of a request that needs none. */
export const emptyBody = Type.Object({}, { title: 'EmptyRequest', additionalProperties: false });

/**
 * What fits on one line and shows all that it holds, as a name does by `isReadableName`: no control, invisible or unassigned
 * characters and no separators of lines. It is shown to people among commands that they may type.
 */
export const readablePattern = '^[^\\p{C}\\p{Zl}\\p{Zp}]*$';

/** Why a person requests something. */
export const reason = Type.String({ minLength: 1, maxLength: 1000, pattern: readablePattern });

export const nextCommands = Type.Unsafe<readonly NextCommand[]>(
  Type.Array(
    schemaOf<NextCommand>()(Type.Object({ command: Type.String(), what: Type.String() }, { title: 'NextCommand' })),
    {
      description: 'what a person may type now, and what it does; empty while it waits for no person',
    },
  ),
);

/** A run as Temporal knows it. */
export const planIds = {
  workflow_id: Type.String(),
  run_id: nullable<string>(Type.String({ description: "Temporal's id of the run; null while no worker has begun it" })),
};

/** The flags of a cube's traffic, as views of ramps and cubes name them. */
export const weightSchema = Type.Object({ enabled: Type.Boolean(), percentage: nullable<number>(Type.Integer()) });
