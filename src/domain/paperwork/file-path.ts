/** Bytes of one name in a folder, on every file system that keeps files of legacy's. */
const maxNameBytes = 255;

/**
 * Why a path cannot name a file of legacy's storage folder, whatever lies there: in words, or undefined where it may. What it resolves
 * to is looked at when it is opened.
 */
export function filePathProblem(path: string): string | undefined {
  if (path === '') return 'the path is empty';
  if (path.startsWith('/')) return 'the path is absolute';
  const names = path.split('/');
  if (names.includes('..')) return 'the path has a segment ..';
  if (names.some(isTooLong)) return `a segment of the path has more than ${maxNameBytes} bytes`;
  return undefined;
}

/** Why no file can be stored under a name as it was given, in words, or undefined where one can. */
export function fileNameProblem(name: string): string | undefined {
  if (name === '') return 'The file has no name.';
  if (name === '.' || name === '..') return 'The name of the file is that of a folder.';
  if (name.includes('/') || name.includes('\0')) return 'The name of the file has a slash or a NUL.';
  if (isTooLong(name)) return `The name of the file has more than ${maxNameBytes} bytes.`;
  return undefined;
}

function isTooLong(name: string): boolean {
  return new TextEncoder().encode(name).length > maxNameBytes;
}
