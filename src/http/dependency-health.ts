/** Throws or rejects when the dependency does not answer. */
export type DependencyCheck = () => Promise<unknown>;

export type DependencyState = 'ok' | 'unreachable';

export interface DependencyHealth {
  /** How each dependency is now; one that hangs is unreachable after a second. */
  check(): Promise<Readonly<Record<string, DependencyState>>>;
}

const maxMillis = 1000;

/**
 * Asks each dependency, all at the same time and never twice at once: however many ask how a service is, a dependency
 * that is slow is not asked more for it.
 */
export function watchDependencies(checks: Readonly<Record<string, DependencyCheck>>): DependencyHealth {
  const asked = new Map<string, Promise<DependencyState>>();
  const ask = (name: string, check: DependencyCheck): Promise<DependencyState> => {
    const underWay = asked.get(name);
    if (underWay !== undefined) return underWay;
    const answer = answersInTime(check).finally(() => asked.delete(name));
    asked.set(name, answer);
    return answer;
  };
  return {
    check: async () =>
      Object.fromEntries(
        await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await ask(name, check)] as const)),
      ),
  };
}

async function answersInTime(check: DependencyCheck): Promise<DependencyState> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<DependencyState>((resolve) => {
    timer = setTimeout(() => resolve('unreachable'), maxMillis);
  });
  const answer = Promise.resolve()
    .then(check)
    .then(
      (): DependencyState => 'ok',
      (): DependencyState => 'unreachable',
    );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
