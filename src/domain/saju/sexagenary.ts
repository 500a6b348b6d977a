/** The sixty pillars (육십갑자) in their order, 갑자 first. */

const stems = [...'갑을병정무기경신임계'];
const branches = [...'자축인묘진사오미신유술해'];

export const sixtyPillars: readonly string[] = Array.from(
  { length: 60 },
  (_, index) => `${stems[index % 10]}${branches[index % 12]}`,
);

const places: ReadonlyMap<string, number> = new Map(sixtyPillars.map((pillar, place) => [pillar, place]));

/** The place of a pillar in the cycle, 0 to 59; undefined for any other text. */
export function placeOfPillar(pillar: string): number | undefined {
  return places.get(pillar);
}

export function isPillar(text: string | null): text is string {
  return text !== null && places.has(text);
}

/**
 * The pillars of a solar year, counted from 입춘, and of its month 0 (인월) to 11 (축월).
 * Rule: year 4 is 갑자 and its first month 병인 (오호둔); both go round by sixty.
 */
export function yearAndMonthPillar(year: number, month: number): { readonly year: string; readonly month: string } {
  return { year: pillarAt(year - 4), month: pillarAt((year - 4) * 12 + month + 2) };
}

function pillarAt(place: number): string {
  return sixtyPillars[((place % 60) + 60) % 60] ?? '';
}
