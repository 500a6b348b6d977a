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
