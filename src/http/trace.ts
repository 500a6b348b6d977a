import { randomFillSync } from 'node:crypto';

/** The trace context of a request: https://www.w3.org/TR/trace-context/, version 00. */
export interface TraceContext {
  readonly traceId: string;
  /** This service's own span. */
  readonly spanId: string;
  readonly flags: string;
  /** Whether the trace is the caller's; otherwise its `tracestate` is not forwarded. */
  readonly continued: boolean;
}

const poolBytes = 4096;

/** Continues and starts traces. */
export class Traces {
  // One call for random bytes costs as much as twenty ids from a pool.
  private readonly pool = Buffer.alloc(poolBytes);
  private used = poolBytes;

  /** The trace of `traceparent` with a new span; a new trace where it is missing or invalid. */
  continue(traceparent: string | undefined): TraceContext {
    const spanId = this.hex(8);
    if (traceparent !== undefined) {
      // A later version may have more than four parts; the first four keep their meaning.
      const [, version, traceId, parentId, flags, more] =
        /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent) ?? [];
      const known =
        traceId !== undefined &&
        flags !== undefined &&
        version !== 'ff' &&
        !(version === '00' && more !== undefined) &&
        !/^0+$/.test(traceId) &&
        !/^0+$/.test(parentId ?? '');
      if (known) return { traceId, spanId, flags, continued: true };
    }
    return { traceId: this.hex(16), spanId, flags: '00', continued: false };
  }

  private hex(bytes: number): string {
    if (this.used + bytes > poolBytes) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const start = this.used;
    this.used += bytes;
    return this.pool.toString('hex', start, this.used);
  }
}

export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** Fields for log lines. */
export function traceBindings({ traceId, spanId }: TraceContext): { trace_id: string; span_id: string } {
  return { trace_id: traceId, span_id: spanId };
}
