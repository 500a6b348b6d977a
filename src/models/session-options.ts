import type { InferenceSession } from 'onnxruntime-node';

/**
 * How every session runs, at legacy's stand-in and in the cube alike, so that the two differ in nothing else: one thread for one
 * process, since processes are what the cores are shared by.
 */
export const sessionOptions: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  // Only what ends the process: texts of the runtime could quote a model.
  logSeverityLevel: 4,
};
