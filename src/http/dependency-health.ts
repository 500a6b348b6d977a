/** Throws or rejects when the dependency does not answer. */
export type DependencyCheck = () => Promise<unknown>;

export type DependencyState = 'ok' | 'unreachable';

export interface DependencyHealth {
  /** The state of each dependency now; one that hangs is unreachable after a second. */
  check(): Promise<Readonly<Record<string, DependencyState>>>;
}

const maxMillis = 1000;

/**
 * Checks all dependencies concurrently, each with one check at a time: many health requests cause no additional checks of a slow
 * dependency.
 */
export function watchDependencies(checks: Readonly<Record<string, DependencyCheck>>): DependencyHealth {
  const inFlight = new Map<string, Promise<DependencyState>>();
  const checkOnce = (name: string, check: DependencyCheck): Promise<DependencyState> => {
    const current = inFlight.get(name);
    if (current !== undefined) return current;
    const answer = answersInTime(check).finally(() => inFlight.delete(name));
    inFlight.set(name, answer);
    return answer;
  };
  return {
    check: async () =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(checks).map(async ([name, check]) => [name, await checkOnce(name, check)] as const),
        ),
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
