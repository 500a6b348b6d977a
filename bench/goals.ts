/** A goal, what was measured, and what that means. */
export interface Goal {
  readonly name: string;
  readonly measured: string;
  /** Undefined where the figure cannot be judged; `why` then says why. */
  readonly reached: boolean | undefined;
  readonly why?: string;
}

export function renderGoalTable(goals: readonly Goal[]): readonly string[] {
  return [
    '| goal | measured | | |',
    '|---|---|---|---|',
    ...goals.map(({ name, measured, reached, why = '' }) => {
      const verdict = reached === undefined ? 'does not count' : reached ? 'reached' : 'not reached';
      return `| ${name} | ${measured} | ${verdict} | ${why} |`;
    }),
  ];
}
