/** What a response may take. Times in milliseconds, sizes in bytes. */
export interface FetchLimits {
  /** From sending a request to the last byte of its response. */
  readonly total: number;
  /** Without a byte. */
  readonly silence: number;
  /** As the response comes. */
  readonly wireBytes: number;
  /** Unpacked. */
  readonly contentBytes: number;
  /** A response that is larger fails, or is cut there. */
  readonly beyond: 'fail' | 'cut';
}

const MiB = 1024 * 1024;

/** A batch of a run lasts 30 seconds; pages of text are a tenth of this size. */
export const pageLimits: FetchLimits = {
  total: 30_000,
  silence: 10_000,
  wireBytes: 4 * MiB,
  contentBytes: 8 * MiB,
  beyond: 'fail',
};

/** RFC 9309: at least 500 KiB are read. */
export const robotsLimits: FetchLimits = {
  total: 10_000,
  silence: 5000,
  wireBytes: 500 * 1024,
  contentBytes: 500 * 1024,
  beyond: 'cut',
};

export const maxHeaderBytes = 16 * 1024;
