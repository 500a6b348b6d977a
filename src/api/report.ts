import { Type } from 'typebox';

/** What is signed is every member of `report`: none may be left out. */
export const signedReportSchema = Type.Object(
  {
    report: Type.Unsafe<unknown>({ type: 'object', additionalProperties: true }),
    signature: Type.Object({ alg: Type.Literal('HS256'), value: Type.String() }),
  },
  { title: 'SignedReport' },
);
