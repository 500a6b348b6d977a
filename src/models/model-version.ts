/** A version of a model: what is loaded under its key never changes. */
export interface ModelVersion {
  readonly key: string;
  /** For metrics. */
  readonly model: string;
  /** Whether it stays loaded while memory allows, though no request needs it now. */
  readonly isKept: () => Promise<boolean>;
  /** Runs `work` with a file that holds the graph, its external data in the same folder; both may be gone afterwards. */
  readonly withFile: <T>(work: (file: string) => Promise<T>) => Promise<T>;
}
