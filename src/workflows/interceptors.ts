import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { summaryOf } from './lib/step-summaries.js';

/** Gives every step of every plan its summary, so that a history reads as sentences. A summary takes no part in a replay. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: (input, next) => next({ ...input, options: described(input) }),
      scheduleLocalActivity: (input, next) => next({ ...input, options: described(input) }),
    },
  ],
});

function described<Options extends { readonly summary?: string }>({
  activityType,
  args,
  options,
}: {
  readonly activityType: string;
  readonly args: readonly unknown[];
  readonly options: Options;
}): Options {
  const summary = options.summary ?? summaryOf(activityType, args);
  return summary === undefined ? options : { ...options, summary };
}
