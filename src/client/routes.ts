/** Request and answer of a route of a service, as far as they are fixed. */
export interface RouteTypes<Data, Answer> {
  readonly data: Data;
  readonly answer: Answer;
}

export type CallMethod = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Members of a query; undefined ones are omitted. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The data of a route: a query for GET, otherwise a body. */
export type DataOf<
  Routes,
  Method extends CallMethod,
  Endpoint extends string,
> = `${Method} ${Endpoint}` extends keyof Routes
  ? Routes[`${Method} ${Endpoint}`] extends RouteTypes<infer Data, unknown>
    ? Data
    : never
  : Method extends 'GET'
    ? Query | undefined
    : unknown;

export type AnswerOf<
  Routes,
  Method extends CallMethod,
  Endpoint extends string,
> = `${Method} ${Endpoint}` extends keyof Routes
  ? Routes[`${Method} ${Endpoint}`] extends RouteTypes<infer _Data, infer Answer>
    ? Answer
    : never
  : unknown;

export interface SajuConvention {
  readonly clock: 'wall' | 'std135' | 'lmt' | 'true';
  /** Degrees east, of the clocks `lmt` and `true`. */
  readonly longitude: number;
  readonly day_boundary: 'split' | '23h' | 'midnight';
  readonly fold: 0 | 1;
}

/** A birth; `birth_hour` is null when unknown. Missing members follow the service's convention. */
export interface SajuCalculation extends Partial<SajuConvention> {
  readonly user_id: string;
  readonly birth_year: number;
  readonly birth_month: number;
  readonly birth_day: number;
  readonly birth_hour: number | null;
  readonly birth_minute?: number;
  readonly is_solar: boolean;
  readonly is_leap_month?: boolean;
  /** Whether to save the chart as a record; true by default. */
  readonly save?: boolean;
}

/** A chart and its input; old records may lack any part. Pillars are two hangul such as `갑자`. */
export interface SajuRecord {
  /** Absent when the chart was not saved. */
  readonly id?: number;
  readonly user_id: string;
  readonly birth_year: number | null;
  readonly birth_month: number | null;
  readonly birth_day: number | null;
  readonly birth_hour: number | null;
  readonly birth_minute: number;
  readonly is_solar: boolean | null;
  readonly is_leap_month: boolean;
  readonly year_pillar: string | null;
  readonly month_pillar: string | null;
  readonly day_pillar: string | null;
  readonly hour_pillar: string | null;
  /** Null means the service's own convention. */
  readonly convention: SajuConvention | null;
  readonly interpretation: string | null;
  /** ISO 8601, UTC, six digits. */
  readonly created_at: string | null;
  readonly updated_at: string | null;
}

export interface SajuChart extends SajuRecord {
  /** Reasons why another chart is possible: `near_term`, `wall_time_skipped`, … */
  readonly warnings: readonly string[];
}

export interface SajuPage {
  /** The newest first. */
  readonly items: readonly SajuRecord[];
  /** What to send as `cursor` for the next page; null on the last one. */
  readonly next_cursor: string | null;
}

export interface SajuRoutes {
  readonly 'POST calculate': RouteTypes<SajuCalculation, SajuChart>;
  readonly [record: `GET records/${string}`]: RouteTypes<undefined, SajuRecord>;
  readonly [record: `PATCH records/${string}`]: RouteTypes<{ readonly interpretation: string | null }, SajuRecord>;
  readonly [record: `DELETE records/${string}`]: RouteTypes<undefined, undefined>;
  readonly [page: `GET users/${string}/records`]: RouteTypes<
    { readonly limit?: number | undefined; readonly cursor?: string | undefined } | undefined,
    SajuPage
  >;
}

export interface Prediction {
  readonly model: string;
  readonly version: string;
  readonly outputs: readonly unknown[];
}

export interface AIRoutes {
  readonly [model: `POST models/${string}/predict`]: RouteTypes<{ readonly inputs: readonly unknown[] }, Prediction>;
}

/** Only the URLs of these two are fixed so far: data and answers have no types. */
export type PaperworkRoutes = Readonly<Record<never, never>>;
export type CrawlerRoutes = Readonly<Record<never, never>>;
