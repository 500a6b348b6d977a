/** Later versions do not know the option, and refuse to start with it. */
const optimizeLate = process.versions.node.startsWith('20.') ? ['--interrupt-budget=1000000'] : [];

/**
 * For processes that live for a test: most of what these run is run a few times, so that optimizing it costs more than it
 * saves, as does collecting every megabyte.
 */
export const shortLivedFlags: readonly string[] = [
  ...optimizeLate,
  '--min-semi-space-size=16',
  '--max-semi-space-size=32',
];
