import type { Comparison } from './comparison/comparison.js';

export const versionForms = ['float', 'int8'] as const;
/** `imported`: in the store, not activated yet; `retired`: was active; `rejected`: a comparison, or a person, was against it, or it could not be imported. */
export const versionStates = ['imported', 'active', 'retired', 'rejected'] as const;

/** A version of a model in the cube, as the control API shows it. */
export interface ModelVersionView {
  /** Null for a form that legacy's row names and that could not be imported: nothing of it is in the cube. */
  readonly id: number | null;
  readonly version: string | null;
  readonly form: (typeof versionForms)[number] | null;
  /** Null where legacy's row names none. */
  readonly sha256: string | null;
  /** Of the graph file in legacy's row that it was made from. */
  readonly source_sha256: string;
  readonly framework: string | null;
  readonly state: (typeof versionStates)[number] | null;
  readonly imported_at: string | null;
  readonly comparison: Comparison | null;
  /** Why it could not be imported; null for what is in the cube. */
  readonly reason: string | null;
}

/** A model in the cube, with the version that predicts. */
export interface ModelView {
  readonly id: number;
  readonly name: string;
  readonly active: ModelVersionView | null;
  /** What a rollback would bring back; null where there is nothing. */
  readonly former_version_id: number | null;
  readonly versions: number;
}
