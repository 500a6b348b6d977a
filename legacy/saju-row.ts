/** A row of saju_records as the database is given it; timestamps as text. */
export interface SajuRow {
  id: bigint;
  user_id: string;
  birth_year: number | null;
  birth_month: number | null;
  birth_day: number | null;
  birth_hour: number | null;
  birth_minute: number | null;
  is_solar: boolean | null;
  is_leap_month: boolean | null;
  year_pillar: string | null;
  month_pillar: string | null;
  day_pillar: string | null;
  hour_pillar: string | null;
  convention: string | null;
  interpretation: string | null;
  created_at: string | null;
  updated_at: string | null;
}

/** What must become of a row in a migration: the generator's own word for it. */
export type Expected = { readonly kind: 'carried' } | { readonly kind: 'rejected'; readonly reason: string };

export const sajuColumns = [
  'id',
  'user_id',
  'birth_year',
  'birth_month',
  'birth_day',
  'birth_hour',
  'birth_minute',
  'is_solar',
  'is_leap_month',
  'year_pillar',
  'month_pillar',
  'day_pillar',
  'hour_pillar',
  'convention',
  'interpretation',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof SajuRow)[];
