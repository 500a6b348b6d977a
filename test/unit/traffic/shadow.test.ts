import { expect, test } from 'vitest';
import type { Side } from '../../../src/domain/side.js';
import type { ComparableResponse, ShadowRule, TolerantField } from '../../../src/domain/traffic/shadow-comparison.js';
import { createShadow, type ResponseLimits } from '../../../src/traffic/shadow.js';
import { parseShadowRules } from '../../../src/traffic/shadow-rules.js';

const request = { cube: 'saju', route: '/api/saju/records/:id', requestId: 'r1' };
const primary = { status: 200, millis: 10 };
const json = (value: unknown): ComparableResponse => ({
  status: 200,
  contentType: 'application/json',
  body: JSON.stringify(value),
});

/** A shadow over two sides that answer by turns; `count` comparisons one after the other. */
async function compare(
  answer: (side: Side, turn: number, limits: ResponseLimits) => ComparableResponse | Promise<ComparableResponse>,
  {
    count = 1,
    rules = [] as readonly ShadowRule[],
    inFlight = 1,
    tolerantField = async (): Promise<TolerantField | undefined> => undefined,
  } = {},
) {
  const turns = { legacy: 0, cube: 0 };
  const shadow = createShadow({
    fetchResponse: async (side, _request, limits) => answer(side, turns[side]++, limits),
    tolerantField,
    inFlight: () => inFlight,
    rules,
    clock: () => new Date('2027-01-01T00:00:00Z'),
  });
  for (let place = 0; place < count; place++) {
    shadow.consider(request, primary);
    while (shadow.running() > 0) await new Promise(setImmediate);
  }
  const [counts] = shadow.counts.all();
  const field = (name: string) => counts?.fields.get(name)?.mismatched ?? 0;
  return { shadow, counts, field };
}

test('equal sides are compared and differ in nothing', async () => {
  const { counts, shadow } = await compare(() => json({ id: 1 }), { count: 5 });
  expect(counts).toMatchObject({ compared: 5, raced: 0 });
  expect(counts?.fields.size).toBe(0);
  expect(shadow.counts.examples()).toEqual([]);
});

test('a planted defect in one of a thousand answers is found, by field', async () => {
  const { counts, field } = await compare(
    (side, turn) => json({ id: 1, pillar: side === 'cube' && turn === 500 ? 'b' : 'a' }),
    {
      count: 1000,
    },
  );
  expect(counts?.compared).toBe(1000);
  expect(field('body.pillar')).toBe(1);
});

test('a field in which legacy differs from itself is noise, at whatever rate the cube differs', async () => {
  let count = 0;
  const { field, counts } = await compare(() => json({ id: 1, drawn: count++ % 3 }), { count: 100 });
  expect(counts?.fields.get('body.drawn')?.legacyDiffers).toBeGreaterThan(50);
  expect(field('body.drawn')).toBe(0);
});

test('a change between two calls is no defect: a further call of legacy shows it', async () => {
  // Legacy says the old value twice, then what the cube said.
  const { counts, field } = await compare((side, turn) => json({ text: side === 'cube' || turn > 1 ? 'new' : 'old' }));
  expect(counts?.raced).toBe(1);
  expect(field('body.text')).toBe(0);
});

test('what a rule names does not count, the rest does', async () => {
  const rules = parseShadowRules(
    JSON.stringify([
      { route: request.route, field: 'body.warnings', owner: 'saju', why: 'known', expires: '2027-12-31' },
    ]),
  );
  const { field, counts } = await compare((side) => json({ warnings: [side], pillar: side }), { rules });
  expect(field('body.pillar')).toBe(1);
  expect(counts?.fields.has('body.warnings[]')).toBe(false);
});

test.each(['an exception', 503, 504])(
  'a side that gives %s instead of an answer is skipped and harms no request',
  async (instead) => {
    for (const failing of ['cube', 'legacy'] as const) {
      const { counts } = await compare((side) => {
        if (side !== failing) return json({});
        if (typeof instead === 'number') return { ...json({}), status: instead };
        throw new Error('away');
      });
      expect(counts).toMatchObject({
        compared: 0,
        skipped: failing === 'cube' ? { new_failed: 1, old_failed: 0 } : { new_failed: 0, old_failed: 1 },
      });
    }
  },
);

test('a twentieth of what is in flight is compared at a time, at least one, and nothing waits', async () => {
  for (const [inFlight, most] of [
    [0, 1],
    [39, 1],
    [40, 2],
    [200, 10],
  ] as const) {
    const shadow = createShadow({
      fetchResponse: () => new Promise<ComparableResponse>(() => undefined),
      tolerantField: async () => undefined,
      inFlight: () => inFlight,
      rules: [],
      clock: () => new Date(),
    });
    for (let place = 0; place < 30; place++) shadow.consider(request, primary);
    expect(shadow.running()).toBe(most);
    expect(shadow.counts.all()[0]?.skipped.busy).toBe(30 - most);
  }
});

test('a call may take twice the time of the slowest of a hundred clients', async () => {
  const limits: number[] = [];
  await compare(
    (_side, _turn, { millis }) => {
      limits.push(millis);
      return json({});
    },
    { count: 25 },
  );
  expect(limits[0]).toBe(1000);
  expect(limits.at(-1)).toBe(50);
});

test('failed and refused answers are not compared', async () => {
  const { shadow, counts } = await compare(() => json({}), { count: 0 });
  for (const status of [500, 503, 429, 499]) shadow.consider(request, { status, millis: 5 });
  expect(shadow.running()).toBe(0);
  expect(counts).toBeUndefined();
});

test('examples are the last hundred, without the values', async () => {
  const { shadow } = await compare((side) => json({ name: side === 'cube' ? '홍길동' : '임꺽정이' }), { count: 120 });
  expect(shadow.counts.examples()).toHaveLength(100);
  expect(shadow.counts.examples()[0]).toMatchObject({
    field: 'body.name',
    request_id: 'r1',
    legacy: 'string of 4',
    of_cube: 'string of 3',
  });
  expect(JSON.stringify(shadow.counts.examples())).not.toContain('홍길동');
});

test('an answer with keys of its own making adds a bounded number of series', async () => {
  const { counts } = await compare((side, turn) => json({ [`key-${side}-${turn}`]: 1 }), { count: 200 });
  expect(counts?.fields.size).toBeLessThanOrEqual(51);
});

test.each([
  ['no JSON', '{'],
  ['no list', '{}'],
  ['no object', '[7]'],
  ['no owner', '[{"route":"r","field":"f","why":"w","expires":"2027-01-01"}]'],
  ['no day', '[{"route":"r","field":"f","owner":"o","why":"w","expires":"soon"}]'],
  ['an unknown part', '[{"route":"r","field":"f","owner":"o","why":"w","expires":"2027-01-01","until":"x"}]'],
])('rules that are %s stop the start', (_what, text) => {
  expect(() => parseShadowRules(text)).toThrow(/shadow-rules\.json/);
});

test('answers that are nested deeply count as not compared; one of the cube alone as a difference', async () => {
  const deep = { ...json(null), body: `${'['.repeat(30_000)}1${']'.repeat(30_000)}` };
  const both = await compare(() => deep, { count: 3 });
  expect(both.counts).toMatchObject({ compared: 0, skipped: { too_nested: 3 } });
  const alone = await compare((side) => (side === 'cube' ? deep : json([1])), { count: 3 });
  expect(alone.counts).toMatchObject({ compared: 3, skipped: { too_nested: 0 } });
  expect(alone.field('body')).toBe(3);
});

test('numbers of a tolerant field differ beyond its tolerance alone, and others by a digit', async () => {
  const tolerantField = async () => ({ field: 'body.outputs', tolerance: { absolute: 0.01, relative: 0 } });
  const answer = (score: number, id = 1) => json({ id, outputs: [{ label: 'a', score: [score, 1] }] });
  const close = await compare((side) => answer(side === 'cube' ? 0.509 : 0.5), { tolerantField });
  expect(close.counts).toMatchObject({ compared: 1, raced: 0 });
  expect(close.counts?.fields.size).toBe(0);
  const apart = await compare((side) => answer(side === 'cube' ? 0.511 : 0.5), { tolerantField });
  expect(apart.field('body.outputs[].score[]')).toBe(1);
  const elsewhere = await compare((side) => answer(0.5, side === 'cube' ? 1.001 : 1), { tolerantField });
  expect(elsewhere.field('body.id')).toBe(1);
});

test('nothing is compared while it is not known what may differ', async () => {
  const tolerantField = async () => {
    throw new Error('away');
  };
  const { counts } = await compare(() => json({}), { tolerantField });
  expect(counts).toMatchObject({ compared: 0, skipped: { old_failed: 1 } });
});
