import type { SmokeCall } from '../smoke-call.js';

/** A chart of the reference data, which is not kept. */
export const sajuSmokeCall: SmokeCall = {
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
