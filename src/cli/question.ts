import { createInterface } from 'node:readline';
import type { Output } from './output.js';

/** Whether a person at the terminal says yes; without a terminal there is no question, and the answer is yes. */
export async function isConfirmed(question: string, output: Output): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return true;
  output.talk(question);
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: 'yes or no? ' });
  lines.prompt();
  return new Promise((resolve) => {
    lines.once('line', (line) => {
      resolve(/^\s*y(es)?\s*$/i.test(line));
      lines.close();
    });
    // The end of the input, or Ctrl-C.
    lines.once('close', () => resolve(false));
  });
}
