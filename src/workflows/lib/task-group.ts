import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Runs tasks at the same time. When one fails the group cancels the others, and throws the error only when all have ended: what
 * follows never meets a task that still runs.
 */
export async function taskGroup<T>(works: readonly (() => Promise<T>)[]): Promise<readonly T[]> {
  const scope = new CancellationScope();
  return scope.run(async () => {
    const errors: unknown[] = [];
    const results = await Promise.all(
      works.map(async (work) => {
        try {
          return [await work()];
        } catch (error) {
          errors.push(error);
          scope.cancel();
          return [];
        }
      }),
    );
    if (errors.length > 0) throw errors.find((error) => !isCancellation(error)) ?? errors[0];
    return results.flat();
  });
}
