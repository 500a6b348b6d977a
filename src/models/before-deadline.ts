import { modelUnavailable } from './model-unavailable.js';
import type { WarmModel } from './warm-model.js';

/** After so long a client may try again where too many wait. */
export const overloadedMillis = 1000;

/** What `loading` gives, if it does before the deadline; it goes on behind it, for the next request. */
export async function beforeDeadline(deadline: number, loading: Promise<WarmModel>): Promise<WarmModel> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const refuse = () => reject(modelUnavailable('overdue', overloadedMillis));
    timer = setTimeout(refuse, Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([loading, late]);
  } finally {
    clearTimeout(timer);
  }
}
