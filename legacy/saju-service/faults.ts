import type { FastifyInstance } from 'fastify';
import { refuseOthers } from '../local-caller.js';
import { impossible, malformed, Problem } from '../problem.js';
import { sajuColumns } from '../saju-row.js';
import type { SajuRecord } from './records.js';

/** What is planted: for tests and demonstrations, which say so in their reports. */
export interface PlantedFaults {
  /** Every answer waits for so long. */
  readonly slow_ms: number;
  /** The share of requests that are answered 500, 0 to 1. */
  readonly fail_share: number;
  /** No request is answered until this is taken back or the client gives up. */
  readonly hang: boolean;
  /** The field of every record that is answered wrong. */
  readonly wrong_field: string | null;
}

const none: PlantedFaults = { slow_ms: 0, fail_share: 0, hang: false, wrong_field: null };
const maxMillis = 600_000;

/** Faults planted at start by LEGACY_FAULT_SLOW_MS, LEGACY_FAULT_FAIL_SHARE, LEGACY_FAULT_HANG, LEGACY_FAULT_WRONG_FIELD. */
export function faultsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): PlantedFaults {
  const { LEGACY_FAULT_SLOW_MS, LEGACY_FAULT_FAIL_SHARE, LEGACY_FAULT_HANG, LEGACY_FAULT_WRONG_FIELD } = environment;
  return readFaults({
    slow_ms: Number(LEGACY_FAULT_SLOW_MS ?? 0),
    fail_share: Number(LEGACY_FAULT_FAIL_SHARE ?? 0),
    hang: LEGACY_FAULT_HANG === 'true',
    wrong_field: LEGACY_FAULT_WRONG_FIELD ?? null,
  });
}

export class Faults {
  private readonly changed = new Set<() => void>();

  constructor(private current: PlantedFaults) {}

  get planted(): PlantedFaults {
    return this.current;
  }

  plant(faults: PlantedFaults): void {
    this.current = faults;
    for (const wake of this.changed) wake();
  }

  /** Waits, hangs or throws as planted; nothing is done for a client that has left meanwhile. */
  async strike(gone: AbortSignal): Promise<void> {
    while (this.current.hang && !gone.aborted) await this.change(gone);
    if (this.current.slow_ms > 0) await pause(this.current.slow_ms, gone);
    if (gone.aborted) throw new Problem(503, 'unexpected', 'The client has left.');
    if (Math.random() < this.current.fail_share) throw new Problem(500, 'unexpected', 'Something went wrong.');
  }

  /** The record as it is answered: one field wrong, if so planted. */
  spoil(record: SajuRecord): SajuRecord {
    const field = this.current.wrong_field;
    if (field === null || !(field in record)) return record;
    if (field === 'convention') return { ...record, convention: '{}' };
    return { ...record, [field]: wrongValue(record[field as keyof SajuRecord]) };
  }

  private change(gone: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.changed.delete(wake);
        gone.removeEventListener('abort', wake);
        resolve();
      };
      this.changed.add(wake);
      gone.addEventListener('abort', wake);
    });
  }
}

/** `GET` says what is planted, `POST` plants that and nothing else; both for callers on this machine alone. */
export function registerFaultRoutes(app: FastifyInstance, faults: Faults): void {
  app.get('/_faults', async (request) => {
    refuseOthers(request);
    return faults.planted;
  });
  app.post('/_faults', async (request) => {
    refuseOthers(request);
    faults.plant(readFaults(request.body));
    return faults.planted;
  });
}

function readFaults(body: unknown): PlantedFaults {
  if (typeof body !== 'object' || body === null) throw malformed('body', 'The body is not a JSON object.');
  const unknown = Object.keys(body).find((name) => !(name in none));
  if (unknown !== undefined) throw malformed(unknown, 'There is no such fault.');
  const wanted: PlantedFaults = { ...none, ...body };
  if (!(Number.isInteger(wanted.slow_ms) && wanted.slow_ms >= 0 && wanted.slow_ms <= maxMillis))
    throw impossible('slow_ms', `slow_ms is not a whole number, 0 to ${maxMillis}.`);
  if (!(typeof wanted.fail_share === 'number' && wanted.fail_share >= 0 && wanted.fail_share <= 1))
    throw impossible('fail_share', 'fail_share is not 0 to 1.');
  if (typeof wanted.hang !== 'boolean') throw malformed('hang', 'hang is not true or false.');
  if (wanted.wrong_field !== null && typeof wanted.wrong_field !== 'string')
    throw malformed('wrong_field', 'wrong_field is not a text or null.');
  if (wanted.wrong_field !== null && ![...sajuColumns, 'warnings'].some((column) => column === wanted.wrong_field))
    throw impossible('wrong_field', 'wrong_field is no field of a record.');
  return wanted;
}

/** Another value of the same kind; of a pillar another pillar. */
function wrongValue(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value !== 'string') return '갑자';
  if (/^-?\d+$/.test(value)) return String(BigInt(value) + 1n);
  return value === '갑자' ? '을축' : /^[가-힣]{2}$/.test(value) ? '갑자' : `${value}?`;
}

function pause(millis: number, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis);
    gone.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
