import type { CubeId } from '../domain/catalog.js';
import type { ServedCube } from '../domain/cubes.js';

/** The programs that read environment variables; `cube` is every cube but the gateway, which hosts none of its parts. */
export type Reader =
  | CubeId
  | 'cube'
  | 'control-worker'
  | 'bulk-worker'
  | 'documents-worker'
  | 'crawler-worker'
  | 'control-api'
  | ServedCube['standIn']
  | 'database-setup'
  | 'command-line';

/**
 * Who sets a variable in a stack: the caller of `cubeshift up`, by the variable of the same name, or the stack by itself.
 * Of both, the stack sets it where the caller did not. Variables without a source are no part of the stack's environment.
 */
export type Source = 'caller' | 'stack';

/** One environment variable: everything that programs, README and `cubeshift env` know about it. */
export interface Variable<T = unknown, Readers extends readonly Reader[] = readonly Reader[]> {
  /** What it is for; part of the sentence about a wrong value. */
  readonly text: string;
  /** What README says about it besides, as Markdown. */
  readonly note?: string;
  /** Returns the value, or throws an Error whose message completes "NAME …". */
  readonly parse: (value: string) => T;
  /** The value where the variable is not set; without a fallback a program that reads it does not start. */
  readonly fallback?: T;
  /** The variable whose value counts where this one is not set. */
  readonly elsewhere?: string;
  /** Who may read it: a stack gives it to these programs only. */
  readonly readers: Readers;
  /** `cubeshift env` prints the variables that have a source. */
  readonly sources: readonly Source[];
  /** Whether it holds a password or a key. */
  readonly secret: boolean;
  /** It names a server of the caller's own, which a stack then does not start. */
  readonly server: boolean;
  /** It belongs to the server that the caller names by this variable, and says nothing about an embedded one. */
  readonly of?: string;
}

type Options<T> = Partial<Omit<Variable<T>, 'text' | 'parse' | 'readers' | 'fallback'>> & {
  readonly fallback?: NoInfer<T>;
};

export function variable<T, const Readers extends readonly Reader[]>(
  text: string,
  parse: (value: string) => T,
  readers: Readers,
  options: Options<T> = {},
): Variable<T, Readers> {
  return { sources: [], secret: false, server: false, ...options, text, parse, readers };
}
