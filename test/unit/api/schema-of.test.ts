import { type Static, Type } from 'typebox';
import { expect, test } from 'vitest';
import { schemaOf } from '../../../src/api/schema-of.js';

interface View {
  readonly id: string;
  readonly steps: readonly { readonly at: string }[];
  readonly why?: string;
}

const id = Type.String();
const steps = Type.Array(Type.Object({ at: Type.String() }));
const why = Type.Optional(Type.String());

test('a schema that says what the view says is taken as it is', () => {
  const schema = Type.Object({ id, steps, why });
  const tied = schemaOf<View>()(schema);
  const view: Static<typeof tied> = { id: 'a', steps: [{ at: 'b' }] };
  expect([tied, view]).toEqual([schema, { id: 'a', steps: [{ at: 'b' }] }]);
});

/** The type check of the project fails where one of these compiles. */
test('a schema that differs from its view does not compile', () => {
  const differing = [
    // @ts-expect-error: a field is missing
    schemaOf<View>()(Type.Object({ id, why })),
    // @ts-expect-error: an optional field is missing
    schemaOf<View>()(Type.Object({ id, steps })),
    // @ts-expect-error: a field more
    schemaOf<View>()(Type.Object({ id, steps, why, more: Type.String() })),
    // @ts-expect-error: another type
    schemaOf<View>()(Type.Object({ id: Type.Integer(), steps, why })),
    // @ts-expect-error: a field more, deeper in
    schemaOf<View>()(Type.Object({ id, steps: Type.Array(Type.Object({ at: id, by: id })), why })),
    // @ts-expect-error: required instead of optional
    schemaOf<View>()(Type.Object({ id, steps, why: Type.String() })),
  ];
  expect(differing).toHaveLength(6);
});
