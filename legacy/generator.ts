import { Almanac } from './almanac.js';
import { harmlessVariants, rejectVariants, type Variant } from './dirt.js';
import { Random } from './random.js';
import type { Expected, SajuRow } from './saju-row.js';

export interface GeneratedRow {
  readonly row: SajuRow;
  readonly expected: Expected;
  /** The name of what is odd about it; undefined for a clean row. */
  readonly variant?: string;
}

export interface GeneratorSettings {
  readonly records: number;
  readonly seed: number;
}

/** One row in a hundred is rejected, one in twenty is odd and carried. */
const rejectEvery = 100;
const oddEvery = 20;
/** The heaviest oddity comes at every tenth of its turns only; ten years leave a few long texts, not many. */
const longTextTurns = 10;

/**
 * Rows of saju_records as ten years leave them, the same for the same seed: mostly clean, ids with holes, and every
 * way of being wrong or odd in turn. Says of each what must become of it.
 */
export function* generateSajuRows(settings: GeneratorSettings): Generator<GeneratedRow> {
  const random = new Random(settings.seed);
  const almanac = new Almanac();
  const interpretations = writeInterpretations(random);
  let id = 0n;
  let previous: SajuRow | undefined;
  for (let place = 0; place < settings.records; place++) {
    id = nextId(id, place, random);
    const row =
      random.chance(0.01) && previous !== undefined
        ? { ...previous, id }
        : cleanRow(id, random, almanac, interpretations);
    previous = row;
    yield spoil({ ...row }, place);
  }
}

function spoil(row: SajuRow, place: number): GeneratedRow {
  if (place % rejectEvery === 37) {
    const variant = rejectVariants[Math.floor(place / rejectEvery) % rejectVariants.length];
    if (variant === undefined) return { row, expected: { kind: 'carried' } };
    variant.spoil(row);
    return {
      row,
      expected: { kind: 'rejected', reason: variant.reason },
      variant: `${variant.reason}: ${variant.name}`,
    };
  }
  if (place % oddEvery === 11) {
    const turn = Math.floor(place / oddEvery);
    const variant: Variant | undefined = harmlessVariants[turn % harmlessVariants.length];
    const rare =
      variant?.name === 'hundred thousand bytes' && Math.floor(turn / harmlessVariants.length) % longTextTurns !== 0;
    if (variant === undefined || rare) return { row, expected: { kind: 'carried' } };
    variant.spoil(row);
    return { row, expected: { kind: 'carried' }, variant: variant.name };
  }
  return { row, expected: { kind: 'carried' } };
}

/** Deleted rows leave small holes everywhere and a large one now and then. */
function nextId(id: bigint, place: number, random: Random): bigint {
  if (place % 50_000 === 25_000) return id + 1_000_000n;
  return id + (random.chance(0.05) ? BigInt(random.between(2, 40)) : 1n);
}

function cleanRow(
  id: bigint,
  random: Random,
  almanac: Almanac,
  interpretations: readonly [string, ...string[]],
): SajuRow {
  const solar = { year: random.between(1940, 2009), month: random.between(1, 12), day: random.between(1, 28) };
  const hour = random.between(0, 23);
  const pillars = almanac.pillars(solar, hour);
  const lunar = random.chance(0.25) ? almanac.lunarOf(solar) : undefined;
  const date = lunar ?? solar;
  const created = randomTimestamp(random);
  return {
    id,
    user_id: `user-${random.between(1, 300_000)}`,
    birth_year: date.year,
    birth_month: date.month,
    birth_day: date.day,
    birth_hour: hour,
    birth_minute: random.chance(0.7) ? null : random.between(0, 59),
    is_solar: lunar === undefined,
    is_leap_month: lunar?.leap ?? (random.chance(0.5) ? false : null),
    year_pillar: pillars.year,
    month_pillar: pillars.month,
    day_pillar: pillars.day,
    hour_pillar: pillars.hour,
    convention: random.chance(0.1) ? '{"clock": "wall", "day_boundary": "split"}' : null,
    interpretation: random.pick(interpretations),
    created_at: created,
    updated_at: random.chance(0.3) ? null : created,
  };
}

function randomTimestamp(random: Random): string {
  const millis = Date.UTC(2015, 0, 1) + Math.floor(random.next() * 10 * 365.25 * 86_400_000);
  const micros = String(random.between(0, 999)).padStart(3, '0');
  return `${new Date(millis).toISOString().slice(0, -1).replace('T', ' ')}${micros}+00`;
}

function writeInterpretations(random: Random): [string, ...string[]] {
  const first = writeInterpretation(random);
  return [first, ...Array.from({ length: 999 }, () => writeInterpretation(random))];
}

function writeInterpretation(random: Random): string {
  return Array.from({ length: random.between(2, 6) }, () => `${random.pick(subjects)} ${random.pick(predicates)}`).join(
    ' ',
  );
}

const subjects = [
  '타고난 기운이',
  '초년의 운세는',
  '중년 이후의 재물운은',
  '가정과 인연의 흐름이',
  '직업과 명예의 자리는',
  '건강과 마음의 균형은',
] as const;
const predicates = [
  '물처럼 고요히 흐르며 때를 기다리면 크게 이룹니다.',
  '불의 기세가 강하니 서두르지 말고 주위를 살피십시오.',
  '나무가 봄을 만난 듯 뻗어 나가니 배움에 힘쓰면 좋습니다.',
  '쇠와 흙이 서로 돕는 형국이라 귀인을 만나게 됩니다.',
  '기복이 있으나 말년으로 갈수록 편안해집니다.',
] as const;
