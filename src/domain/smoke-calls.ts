/** The real call by which a new version of a cube shows that it does its work before it gets users. */
export interface SmokeCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>> | null;
  /** What a caller from elsewhere than the gateway must hold. */
  readonly permission: string | null;
  /** Fields that the answer must have, with their values. */
  readonly expected: Readonly<Record<string, string>>;
}

const health: SmokeCall = { method: 'GET', path: '/health', body: null, permission: null, expected: {} };

/** A chart of the reference data, which is not kept. */
const calculation: SmokeCall = {
  method: 'POST',
  path: '/calculate',
  body: {
    user_id: 'cubeshift-smoke-test',
    birth_year: 1990,
    birth_month: 1,
    birth_day: 26,
    birth_hour: 14,
    birth_minute: 24,
    is_solar: true,
    save: false,
  },
  permission: 'saju:call',
  expected: { year_pillar: '기사', month_pillar: '정축', day_pillar: '신묘', hour_pillar: '을미' },
};

const ownCalls: Readonly<Record<string, readonly SmokeCall[]>> = { 'saju-cube': [calculation] };

/** The calls of a cube, in order; every cube is asked for its health. */
export function smokeCallsOf(cubeId: string): readonly SmokeCall[] {
  return [health, ...(ownCalls[cubeId] ?? [])];
}

/** The first field of an answer that is not as expected; undefined when all are. */
export function wrongField(call: SmokeCall, answer: unknown): string | undefined {
  const fields = typeof answer === 'object' && answer !== null ? (answer as Readonly<Record<string, unknown>>) : {};
  return Object.entries(call.expected).find(([name, value]) => fields[name] !== value)?.[0];
}
