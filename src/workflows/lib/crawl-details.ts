import type { RunOutcome, RunProgress } from '../../domain/crawler/run.js';

/** How far a run is, for Temporal's pages. */
export type CrawlState =
  | ({ readonly state: 'open'; readonly waitsFor: CrawlWait | null } & RunProgress)
  | { readonly state: 'ended'; readonly outcome: RunOutcome | 'not_due' };

/** What a run waits for: its turn at the hosts, or ids for its results. */
export type CrawlWait = 'rate' | 'result_ids';

const waits: Readonly<Record<CrawlWait, string>> = {
  rate: 'it waits for its turn at the host.',
  result_ids: 'legacy is away, and the ids that were drawn for results are used up. It goes on by itself.',
};

const ends: Readonly<Record<RunOutcome | 'not_due', string>> = {
  done: 'every URL was answered.',
  partly: 'some URLs could not be fetched.',
  failed: 'no URL could be fetched.',
  stopped: 'the job was paused, or its run ended from outside.',
  not_due: 'the job was paused before its run began, or is run elsewhere.',
};

/** As Markdown. */
export function crawlDetails(state: CrawlState): string {
  if (state.state === 'ended') return `**${state.outcome}**: ${ends[state.outcome]}`;
  const { fetched, failed, urls, waitsFor } = state;
  const waiting = waitsFor === null ? '' : ` **waiting**, \`${waitsFor}\`: ${waits[waitsFor]}`;
  return `**running**: URL ${fetched} of ${urls}, ${failed} not fetched.${waiting}`;
}
