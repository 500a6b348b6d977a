/**
 * Why a path cannot name a file of legacy's folder of models, whatever lies there: in words, or undefined where it may. What it resolves
 * to is looked at when it is opened.
 */
export function artifactPathProblem(path: string | null): string | undefined {
  if (path === null || path === '') return 'the path is empty';
  if (path.startsWith('/')) return 'the path is absolute';
  if (path.split('/').includes('..')) return 'the path has a segment ..';
  return undefined;
}
