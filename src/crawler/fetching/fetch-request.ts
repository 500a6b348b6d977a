import type { FetchFailureReason } from '../../domain/crawler/fetch-failure.js';
import type { PageValidators, RequestOwner } from './requests.js';

/** How a job treats each host. */
export interface Pace {
  readonly requestsPerMinute: number;
  readonly delaySeconds: number;
}

/** One URL of a run. */
export interface FetchRequest extends RequestOwner {
  readonly url: string;
  readonly pace: Pace;
  readonly validators?: PageValidators | undefined;
  /** Called before each request for the page, when nothing but sending it is left; what it throws ends the fetch as it is, and no request is counted. */
  readonly beforeRequest?: () => void;
}

export interface FetchedPage {
  readonly kind: 'page';
  /** That of the page, to which redirects led. */
  readonly url: string;
  readonly html: string;
  /** As the response came. */
  readonly bytes: number;
  /** To be given with the next request for the same URL. */
  readonly validators: PageValidators;
}

export interface FailedPage {
  readonly kind: 'failed';
  readonly reason: FetchFailureReason;
  /** A sentence. */
  readonly detail: string;
  /** Of the response, where the reason lies in it. */
  readonly status?: number;
}

export type FetchOutcome = FetchedPage | { readonly kind: 'not_modified' } | FailedPage;

/** Learns what the fetcher does, for metrics. `host` is name and port. */
export interface FetchObserver {
  fetched(jobId: string, host: string, bytes: number): void;
  failed(jobId: string, host: string, reason: FetchFailureReason): void;
  /** How long a request waited for its host's pace. */
  waited(jobId: string, host: string, millis: number): void;
}
