/** Why an expression is not converted; the first that matches counts, in this order. */
export const cronProblems = ['cron_invalid', 'cron_unsupported', 'cron_never'] as const;
export type CronProblem = (typeof cronProblems)[number];

/** An expression, or a part of one, that is not converted, with the sentence that tells its owner why. */
export class UnreadableCron extends Error {
  override readonly name = 'UnreadableCron';

  constructor(
    readonly problem: CronProblem,
    readonly detail: string,
  ) {
    super(detail);
  }
}

export function invalidCron(detail: string): UnreadableCron {
  return new UnreadableCron('cron_invalid', detail);
}

export function unsupportedCron(detail: string): UnreadableCron {
  return new UnreadableCron('cron_unsupported', detail);
}

/** Reads every part, since an expression with an invalid part and one that is not supported is invalid. Throws `UnreadableCron`. */
export function readEvery<T>(parts: readonly (() => T)[]): readonly T[] {
  const problems: UnreadableCron[] = [];
  const values = parts.flatMap((read) => {
    try {
      return [read()];
    } catch (error) {
      if (!(error instanceof UnreadableCron)) throw error;
      problems.push(error);
      return [];
    }
  });
  const worst = problems.find(({ problem }) => problem === 'cron_invalid') ?? problems[0];
  if (worst !== undefined) throw worst;
  return values;
}
