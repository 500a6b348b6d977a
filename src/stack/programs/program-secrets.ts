/** Secrets that not every program of a stack needs, by what they are for. */
const secretVariables = {
  temporal: ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'TEMPORAL_API_KEY'],
  userTokens: ['USER_JWT_SECRET', 'USER_JWT_SECRET_PREVIOUS'],
  // For people: it opens the Web UI.
  temporalUi: ['TEMPORAL_UI_URL'],
} as const;

/** What a program does that takes secrets of its own. */
export type SecretNeed = Exclude<keyof typeof secretVariables, 'temporalUi'>;

/** The variables of a stack without the secrets that a program with these needs has no use for. */
export function withoutOtherSecrets(
  env: Readonly<Record<string, string>>,
  needs: readonly SecretNeed[],
): Record<string, string> {
  const needed = new Set<string>(needs);
  const others = new Set<string>(
    Object.entries(secretVariables).flatMap(([need, names]) => (needed.has(need) ? [] : names)),
  );
  return Object.fromEntries(Object.entries(env).filter(([name]) => !others.has(name)));
}
