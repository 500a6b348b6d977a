import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Carries works out at the same time. When one fails the others are told to stop, and its error leaves only when all
 * have let go: nothing that follows meets one still at work.
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
