import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedStep } from '../../domain/deployment/recorded-step.js';
import type { ControlClient } from '../control-client.js';
import { awaitInterruptibly } from '../interrupt.js';
import { oneLine } from '../one-line.js';
import type { Output } from '../output.js';

export interface Following {
  readonly wait?: boolean;
  readonly json?: boolean;
}

const pollMillis = 200;

/** Shows a run, and with `--wait` its steps as they come until it is over or needs a person. */
export async function follow<T extends { status: string; sentence: string; steps: readonly RecordedStep[] }>(
  client: ControlClient,
  path: string,
  first: T,
  look: string,
  options: Following,
  output: Output,
): Promise<T> {
  const stillRuns = `The change continues. Look at it with \`${look}\`.`;
  const view = await awaitInterruptibly(stillRuns, output, () => followed(client, path, first, options, output));
  if (options.json) output.json(view);
  else output.print(oneLine(`${view.status}: ${view.sentence}`));
  return view;
}

async function followed<T extends { status: string; sentence: string; steps: readonly RecordedStep[] }>(
  client: ControlClient,
  path: string,
  first: T,
  options: Following,
  output: Output,
): Promise<T> {
  let view = first;
  let shown = 0;
  const showProgress = () => {
    for (const step of view.steps.slice(shown)) {
      const isResult = !options.json && step.step === view.status && step.sentence === view.sentence;
      // Printed once, by `follow`.
      if (!isResult) output.talk(oneLine(`${step.step}: ${step.sentence}`));
    }
    shown = view.steps.length;
  };
  while (options.wait && view.status === 'running') {
    showProgress();
    await sleep(pollMillis);
    view = await client.readWithRetries<T>(path, output);
  }
  if (options.wait) showProgress();
  return view;
}
