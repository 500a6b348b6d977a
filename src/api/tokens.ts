import { Type } from 'typebox';
import { tokenHolderPattern } from '../domain/token-holder.js';

/** What the security cube takes and answers. */

export const issueBody = Type.Object(
  {
    cube_id: Type.String({ pattern: tokenHolderPattern }),
    permissions: Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 100, uniqueItems: true }),
  },
  { additionalProperties: false },
);

export const issuedSchema = Type.Object({ token: Type.String(), expires_at: Type.String() });

export const validateBody = Type.Object({ token: Type.String() }, { additionalProperties: false });
export const validatedSchema = Type.Union([
  Type.Object({ valid: Type.Literal(true), cube_id: Type.String(), permissions: Type.Array(Type.String()) }),
  Type.Object({ valid: Type.Literal(false), error: Type.String() }),
]);
