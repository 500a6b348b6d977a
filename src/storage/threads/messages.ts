import type { blockingCalls } from './blocking-calls.js';

/** Between a program and its file thread. */

export type BlockingCalls = typeof blockingCalls;

export interface FileRequest {
  readonly id: number;
  readonly call: keyof BlockingCalls;
  readonly args: readonly unknown[];
}

/** `failure` where the system refused a call; an error of its own would lose its code on the way. */
export type FileAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: FileFailure };

export interface FileFailure {
  readonly message: string;
  readonly code: unknown;
  readonly syscall: unknown;
}
