/** A goal, what was measured, and what that means. */
export interface Goal {
  readonly name: string;
  readonly measured: string;
  /** Undefined where the figure cannot be judged; `why` then says why. */
  readonly reached: boolean | undefined;
  readonly why?: string;
}

/** What the part of the results of each bench begins with. */
interface PartHead {
  readonly title: string;
  /** Its word after `npm run bench --`. */
  readonly part: string;
  /** How figures are given; lines of the paragraph that begins with who wrote it. */
  readonly figures: readonly string[];
  /** When, where and with which versions it was measured. */
  readonly ground: readonly string[];
  readonly minutes: number;
  readonly goals: readonly Goal[];
}

export function renderPartHead({ title, part, figures, ground, minutes, goals }: PartHead): readonly string[] {
  const [first, ...more] = figures;
  return [
    `## ${title}`,
    '',
    `Written by \`npm run bench -- ${part}\`; do not edit.${first === undefined ? '' : ` ${first}`}`,
    ...more,
    '',
    ...ground.map((line) => `- ${line}`),
    `- The whole part took ${minutes.toFixed(0)} minutes.`,
    '',
    ...renderGoalTable(goals),
  ];
}

function renderGoalTable(goals: readonly Goal[]): readonly string[] {
  return [
    '| goal | measured | | |',
    '|---|---|---|---|',
    ...goals.map(({ name, measured, reached, why = '' }) => {
      const verdict = reached === undefined ? 'does not count' : reached ? 'reached' : 'not reached';
      return `| ${name} | ${measured} | ${verdict} | ${why} |`;
    }),
  ];
}
