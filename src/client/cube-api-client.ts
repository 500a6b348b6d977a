import { type AnswerForm, readAnswer, readErrorResponse } from './answer.js';
import { CubeAPIError } from './cube-api-error.js';
import { type Deadline, startDeadline } from './deadline.js';
import { gatewayUrl } from './gateway-url.js';
import { type PreparedRequest, prepareRequest } from './request.js';
import { RetryBudget, retryDelay } from './retries.js';
import type { AIRoutes, AnswerOf, CallMethod, CrawlerRoutes, DataOf, PaperworkRoutes, SajuRoutes } from './routes.js';

export interface ClientSettings {
  /** The gateway's URL; by default NEXT_PUBLIC_API_GATEWAY_URL, else the page's origin, else http://localhost:8088. */
  readonly baseUrl?: string;
  /**
   * The user's token, or a function that gets it for each call, before the call's time limit starts; without one calls are
   * anonymous.
   */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Time limit of a call, including its retry; 30 s by default. */
  readonly timeoutMillis?: number;
}

export interface CallOptions<Method extends CallMethod = CallMethod, Form extends AnswerForm = AnswerForm> {
  /** POST by default. */
  readonly method?: Method;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMillis?: number;
  /**
   * Whether the call may be executed twice: then a call without an answer is retried once. True by default for GET and DELETE.
   * Set for a call that is not idempotent, a lost answer creates two records.
   */
  readonly idempotent?: boolean;
  /** `blob` for what is not JSON, such as the content of a file. */
  readonly as?: Form;
}

type Answer<Routes, Method extends CallMethod, Endpoint extends string, Form extends AnswerForm> = Promise<
  Form extends 'blob' ? Blob : AnswerOf<Routes, Method, Endpoint>
>;

/**
 * The frontend's client for the cubes, through the gateway; which side answers makes no difference to it. For browsers and Node. Calls
 * reject with a `CubeAPIError`, or with a TypeError for a request that cannot be sent.
 *
 * @example
 * const cubes = new CubeAPIClient({ token: () => session.token });
 * const chart = await cubes.callSajuCube('calculate', { user_id, birth_year: 1990, … });
 * const page = await cubes.callSajuCube(`users/${user_id}/records`, { limit: 20 }, { method: 'GET' });
 */
export class CubeAPIClient {
  private readonly baseUrl: string;
  private readonly settings: ClientSettings;
  private readonly budget = new RetryBudget();

  constructor(settings: ClientSettings = {}) {
    this.baseUrl = gatewayUrl(settings.baseUrl);
    this.settings = settings;
  }

  callSajuCube<Endpoint extends string, Method extends CallMethod = 'POST', Form extends AnswerForm = 'json'>(
    endpoint: Endpoint,
    data: DataOf<SajuRoutes, Method, Endpoint>,
    options?: CallOptions<Method, Form>,
  ): Answer<SajuRoutes, Method, Endpoint, Form> {
    return this.makeRequest('saju', endpoint, data, options);
  }

  callAICube<Endpoint extends string, Method extends CallMethod = 'POST', Form extends AnswerForm = 'json'>(
    endpoint: Endpoint,
    data: DataOf<AIRoutes, Method, Endpoint>,
    options?: CallOptions<Method, Form>,
  ): Answer<AIRoutes, Method, Endpoint, Form> {
    return this.makeRequest('ai', endpoint, data, options);
  }

  /** A file is sent as FormData. */
  callPaperworkCube<Endpoint extends string, Method extends CallMethod = 'POST', Form extends AnswerForm = 'json'>(
    endpoint: Endpoint,
    data: DataOf<PaperworkRoutes, Method, Endpoint>,
    options?: CallOptions<Method, Form>,
  ): Answer<PaperworkRoutes, Method, Endpoint, Form> {
    return this.makeRequest('paperwork', endpoint, data, options);
  }

  callCrawlerCube<Endpoint extends string, Method extends CallMethod = 'POST', Form extends AnswerForm = 'json'>(
    endpoint: Endpoint,
    data: DataOf<CrawlerRoutes, Method, Endpoint>,
    options?: CallOptions<Method, Form>,
  ): Answer<CrawlerRoutes, Method, Endpoint, Form> {
    return this.makeRequest('crawler', endpoint, data, options);
  }

  /** The client does not validate answers against the route's type: the services do. */
  private async makeRequest<T>(
    service: string,
    endpoint: string,
    data: unknown,
    { method = 'POST', ...options }: CallOptions = {},
  ): Promise<T> {
    const { token, timeoutMillis = 30_000 } = this.settings;
    const bearer = typeof token === 'function' ? await token() : token;
    const request = prepareRequest(this.baseUrl, service, method, endpoint, data, bearer);
    const idempotent = options.idempotent ?? (method === 'GET' || method === 'DELETE');
    const deadline = startDeadline(options.timeoutMillis ?? timeoutMillis, options.signal);
    const attempt = () => answerOf(request, options.as ?? 'json', deadline);
    try {
      return (await this.budget.count(() => this.tryTwice(attempt, idempotent, deadline))) as T;
    } finally {
      deadline.end();
    }
  }

  private async tryTwice(attempt: () => Promise<unknown>, idempotent: boolean, deadline: Deadline): Promise<unknown> {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CubeAPIError)) throw error;
      const delay = retryDelay(error, idempotent, Math.random);
      if (delay === undefined || !this.budget.take()) throw error;
      try {
        if (await deadline.wait(delay)) return await attempt();
        // Without time for a retry the first error is more useful than a time-out.
        throw deadline.signal.aborted
          ? new CubeAPIError(error.call, deadline.failure() ?? error.failure, error)
          : error;
      } finally {
        this.budget.release();
      }
    }
  }
}

async function answerOf({ call, url, init }: PreparedRequest, form: AnswerForm, deadline: Deadline): Promise<unknown> {
  let response: Response | undefined;
  try {
    response = await fetch(url, { ...init, signal: deadline.signal });
    if (response.ok) return await readAnswer(call, response, form);
    throw new CubeAPIError(call, await readErrorResponse(response));
  } catch (error) {
    if (error instanceof CubeAPIError) throw error;
    const lost =
      response === undefined
        ? { kind: 'unreachable' as const }
        : { kind: 'unreadable' as const, status: response.status };
    throw new CubeAPIError(call, deadline.failure() ?? lost, error);
  }
}
