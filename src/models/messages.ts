import type { Batch, GraphSchema } from '../domain/models/tensors.js';

/** Why a model could not be loaded, by the reasons with which a migration rejects it, or because its process ended. */
export type LoadFailureKind =
  | 'artifact_unreadable'
  | 'operator_unsupported'
  | 'memory_exceeded'
  | 'crashed'
  | 'timed_out';

/** `message` is one sentence, without contents of the model. */
export interface LoadFailure {
  readonly kind: LoadFailureKind;
  readonly message: string;
}

/** What a program requests of its model process; each is answered once, in order. */
export type ModelRequest =
  | { readonly kind: 'load'; readonly key: string; readonly file: string }
  | { readonly kind: 'run'; readonly key: string; readonly batch: Batch }
  | { readonly kind: 'release'; readonly key: string };

/** The answers, each to its kind of request; `failed` to a run that the runtime refused, after which the process serves on. */
export type ModelAnswer =
  | { readonly kind: 'loaded'; readonly graph: GraphSchema; readonly joinsRows: boolean }
  | { readonly kind: 'not_loaded'; readonly failure: LoadFailure }
  | { readonly kind: 'computed'; readonly batch: Batch }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'released' };
