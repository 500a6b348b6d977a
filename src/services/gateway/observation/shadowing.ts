import type { Side } from '../../../domain/side.js';
import type { ComparableResponse, ShadowRule } from '../../../domain/traffic/shadow-comparison.js';
import { createShadow, type ResponseLimits, type Shadow, type ShadowRequest } from '../../../traffic/shadow.js';
import { type Call, callUpstream } from '../../../upstream/call.js';
import type { Upstream } from '../../../upstream/upstream.js';
import { comparableContent, comparedBytes, firstBytes, mediaTypeOf } from './compared-contents.js';
import { family } from './metrics.js';
import { ModelTolerances } from './model-tolerances.js';

/** A request of a client that may be repeated at both sides. */
export interface GatewayShadowRequest extends ShadowRequest {
  readonly method: string;
  readonly target: string;
  /** Whether the response is a prediction of the model that the path names. */
  readonly predicts: boolean;
  /** Whether the response is the content of a file. */
  readonly isContent: boolean;
  /** Names and values in turn. */
  readonly headersFor: (side: Side) => readonly string[];
  readonly body: Buffer | null;
}

export interface ShadowingOptions {
  /** Separate connections: failures of a comparison neither open breakers nor eject instances for clients. */
  readonly sides: ReadonlyMap<string, Readonly<Record<Side, Upstream | null>>>;
  readonly inFlight: () => number;
  readonly hopToken: (name: string) => string;
  readonly rules: readonly ShadowRule[];
}

/** Shadow comparison of the two sides of cubes by requests of this gateway's clients. */
export function createShadowing(options: ShadowingOptions): Shadow<GatewayShadowRequest> {
  const { sides, inFlight, hopToken, rules } = options;
  const call = (
    side: Side,
    request: GatewayShadowRequest,
    what: CalledOnce,
    limits: ResponseLimits,
    more: readonly string[] = [],
  ) => {
    const upstream = sides.get(request.cube)?.[side];
    if (!upstream) throw new Error('this side is not there');
    const headers = withoutConditionals(request.headersFor(side));
    headers.push('x-cube-shadow', '1', ...more);
    if (side === 'cube') headers.push('x-cube-token', hopToken(request.cube));
    const { millis: limitMillis, bytes: maxResponseBytes } = limits;
    return callUpstream(upstream, { ...what, headers, limitMillis, maxResponseBytes });
  };
  const fetchResponse = async (
    side: Side,
    request: GatewayShadowRequest,
    limits: ResponseLimits,
  ): Promise<ComparableResponse> => {
    const { method, target: path, route, body, isContent } = request;
    const what = { method, path, route, ...(body === null ? {} : { body }) };
    if (isContent)
      return comparableContent(await call(side, request, what, { ...limits, bytes: comparedBytes }, firstBytes));
    const { status, headers, body: text } = await call(side, request, what, limits);
    return { status, contentType: mediaTypeOf(headers), body: text.toString('utf8') };
  };
  const tolerances = new ModelTolerances<GatewayShadowRequest>(async (path, request, limits) => {
    const route = request.route.replace(/\/predict$/, '');
    const { status, body } = await call('legacy', request, { method: 'GET', path, route }, limits);
    return { status, body: body.toString('utf8') };
  });
  return createShadow({ fetchResponse, tolerantField: tolerances.of, inFlight, rules, clock: () => new Date() });
}

type CalledOnce = Pick<Call, 'method' | 'path' | 'route' | 'body'>;

/** Without the headers that lead to a compressed, partial or empty response. */
function withoutConditionals(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!/^(?:accept-encoding|range|if-.*)$/i.test(name)) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

/** The counters in Prometheus' text format. */
export function renderShadow({ counts }: Shadow<GatewayShadowRequest>): string {
  const all = counts.all();
  const labels = ({ cube, route }: { cube: string; route: string }) => `cube="${cube}",route="${route}"`;
  const fields = (name: string, value: 'mismatched' | 'legacyDiffers') =>
    all.flatMap((route) =>
      [...route.fields].flatMap(([field, count]) =>
        count[value] === 0 ? [] : [`${name}{${labels(route)},field="${escapeLabel(field)}"} ${count[value]}`],
      ),
    );
  return [
    family('gateway_shadow_compared_total', 'counter', 'Requests for which both sides were compared'),
    ...all.map((route) => `gateway_shadow_compared_total{${labels(route)}} ${route.compared}`),
    family('gateway_shadow_mismatched_total', 'counter', 'Differences of the cube that legacy does not explain'),
    ...fields('gateway_shadow_mismatched_total', 'mismatched'),
    family('gateway_shadow_noise_total', 'counter', 'Differences of legacy from itself'),
    ...fields('gateway_shadow_noise_total', 'legacyDiffers'),
    family('gateway_shadow_raced_total', 'counter', 'Differences that another look at legacy explained'),
    ...all.map((route) => `gateway_shadow_raced_total{${labels(route)}} ${route.raced}`),
    family('gateway_shadow_skipped_total', 'counter', 'Requests that were not compared'),
    ...all.flatMap((route) =>
      Object.entries(route.skipped).map(
        ([reason, count]) => `gateway_shadow_skipped_total{${labels(route)},reason="${reason}"} ${count}`,
      ),
    ),
    '',
  ].join('\n');
}

/** The field names come from upstreams. */
function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').slice(0, 200);
}
