import type { Static, TSchema } from 'typebox';

/** A type without `readonly`, which the types of schemas do not have. */
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Field in keyof T]: Mutable<T[Field]> }
    : T;

type IsSame<A, B> =
  (<T>() => T extends Mutable<A> ? 1 : 2) extends <T>() => T extends Mutable<B> ? 1 : 2 ? true : false;

/** The fields that only one of two types has, or that differ in type or in being optional. */
type Differing<A, B> = {
  [Field in keyof A | keyof B]-?: Field extends keyof A & keyof B
    ? IsSame<Pick<A, Field>, Pick<B, Field>> extends true
      ? never
      : Field
    : Field;
}[keyof A | keyof B];

/**
 * Ties a schema to the view that the domain declares: where the two differ, `readonly` aside, the call does not compile, and
 * the error names the fields.
 */
export function schemaOf<View>() {
  return <Schema extends TSchema>(
    schema: [Differing<Static<Schema>, View>] extends [never]
      ? Schema
      : { readonly differsFromTheViewIn: Differing<Static<Schema>, View> },
  ): Schema => schema as Schema;
}
