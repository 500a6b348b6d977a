/** The most of these times, in order, that lie within any window, which has its beginning and lacks its end. */
export function mostInWindow(times: readonly number[], window: number): number {
  let first = 0;
  let most = 0;
  for (const [place, time] of times.entries()) {
    while ((times[first] ?? time) <= time - window) first += 1;
    most = Math.max(most, place - first + 1);
  }
  return most;
}
