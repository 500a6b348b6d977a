import type { Output } from './output.js';

/**
 * Waits for something that continues without this command. Ctrl-C ends the command alone, as every program ends by it, after
 * `sentence`: what continues, and how to watch it.
 */
export async function awaitInterruptibly<T>(sentence: string, output: Output, wait: () => Promise<T>): Promise<T> {
  const end = () => {
    output.talk(sentence);
    // No listener is left: the signal ends the process, so that a calling script sees how.
    process.kill(process.pid, 'SIGINT');
  };
  process.once('SIGINT', end);
  try {
    return await wait();
  } finally {
    process.off('SIGINT', end);
  }
}
