import { type Static, Type } from 'typebox';

export const knownSecretsSchema = Type.Object(
  {
    programs: Type.Array(
      Type.Object({
        program: Type.String(),
        fingerprints: Type.Array(Type.String(), {
          description: 'Of the secrets it knows, the one it signs with first; empty for one that does not report',
        }),
        seconds_ago: Type.Integer(),
      }),
    ),
  },
  { title: 'KnownSecrets' },
);
export type KnownSecrets = Static<typeof knownSecretsSchema>;
