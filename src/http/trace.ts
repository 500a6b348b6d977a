import { randomFillSync } from 'node:crypto';

/** Where a request stands in a trace: https://www.w3.org/TR/trace-context/, version 00. */
export interface TraceContext {
  readonly traceId: string;
  /** This service's own span. */
  readonly spanId: string;
  readonly flags: string;
  /** Whether the caller began it; else what it said of the trace beside that is of no use. */
  readonly continued: boolean;
}

const poolBytes = 4096;

/** Continues and begins traces. */
export class Traces {
  // One call for random bytes costs as much as twenty ids out of a pool.
  private readonly pool = Buffer.alloc(poolBytes);
  private used = poolBytes;

  /** The trace that `traceparent` names, with a span of our own; a trace of our own when it names none. */
  continue(traceparent: string | undefined): TraceContext {
    const spanId = this.hex(8);
    if (traceparent !== undefined) {
      // A later version may say more behind the four parts; what is known of it stays as it is.
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

/** What log lines say of it. */
export function traceBindings({ traceId, spanId }: TraceContext): { trace_id: string; span_id: string } {
  return { trace_id: traceId, span_id: spanId };
}
