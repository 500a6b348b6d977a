/** How letting users in went: `closedBy` names who keeps the cube closed; null when it is open. */
export type ReopenedTraffic =
  | { readonly passed: true; readonly closedBy: string | null }
  | { readonly passed: false; readonly sentence: string };

/** How users were kept from a cube, as it was found before: enough to let them in again. */
export interface TrafficBefore {
  /** `flags`: legacy owns the data and serves them; `hold`: the cube does, and they wait; `none`: users do not reach it. */
  readonly way: 'flags' | 'hold' | 'none';
  /** Whether the cube was open; null where that could not be read, or says nothing. */
  readonly enabled: boolean | null;
}

/** What came of keeping users from a cube. */
export interface StopOutcome {
  /** How many gateways did not say that they go by it; null where Redis could not be reached. */
  readonly unheard: number | null;
}
