import { parentPort } from 'node:worker_threads';
import { blockingCalls, isSystemError } from './blocking-calls.js';
import type { FileAnswer, FileRequest } from './messages.js';

/** A file thread: answers each request in turn. An error that is none of the system's ends it. */
parentPort?.on('message', (request: FileRequest) => parentPort?.postMessage(answerOf(request)));

function answerOf({ id, call, args }: FileRequest): FileAnswer {
  const work = blockingCalls[call] as (...args: readonly unknown[]) => unknown;
  try {
    return { id, value: work(...args) };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { id, failure: { message: error.message, code: error.code, syscall: error.syscall } };
  }
}
