import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareAnswers } from '../../../../../src/domain/models/comparison/compare-answers.js';
import type { ComparedRow } from '../../../../../src/domain/models/comparison/judgement.js';
import { upperQuantile } from '../../../../../src/domain/models/comparison/students-t.js';
import { defaultTolerance, type Tolerance } from '../../../../../src/domain/models/metrics.js';

const classifier = { task: 'classifier', output: 'label', tolerance: defaultTolerance } as const;
const regressor = { task: 'regressor', output: 'value', tolerance: defaultTolerance } as const;

/** So many rows that both have right, of which legacy alone has b right and the cube alone c; both err in the same way in `wrong`. */
function classified(n: number, b: number, c: number, wrong = 0): ComparedRow[] {
  return Array.from({ length: n }, (_, row) => ({
    label: 'yes',
    legacy: { label: row >= b && row < b + c + wrong ? 'no' : 'yes' },
    cube: { label: row < b || (row >= b + c && row < b + c + wrong) ? 'no' : 'yes' },
  }));
}

describe('a classifier', () => {
  test('is activated with 73 rows on which both agree, and needs 73 with fewer', () => {
    expect(compareAnswers(classified(73, 0, 0), classifier)).toMatchObject({
      decision: 'activate',
      n: 73,
      b: 0,
      c: 0,
      agreement: 1,
    });
    for (const n of [0, 1, 72])
      expect(compareAnswers(classified(n, 0, 0), classifier)).toMatchObject({
        decision: 'evidence_missing',
        rows_needed: 73,
      });
  });

  test('is rolled back when it loses five points or more', () => {
    expect(compareAnswers(classified(100, 5, 0), classifier)).toMatchObject({
      decision: 'accuracy_dropped',
      difference: 0.05,
      rows_needed: null,
    });
    expect(compareAnswers(classified(400, 40, 0), classifier)).toMatchObject({
      decision: 'accuracy_dropped',
      legacy: { accuracy: 1 },
      cube: { accuracy: 0.9 },
    });
  });

  test('that loses less, with too few rows to know, needs the rows that would do at the observed rates', () => {
    const { decision, difference, bound, rows_needed: needed } = compareAnswers(classified(200, 6, 2), classifier);
    expect({ decision, difference }).toEqual({ decision: 'evidence_missing', difference: 0.02 });
    expect(bound).toBeGreaterThan(0.05);
    expect(needed).toBeGreaterThan(200);
    // At the same rates, in whole rows: passes at about that number, and not well below.
    const at = (n: number) =>
      compareAnswers(classified(n, Math.round(0.03 * n), Math.round(0.01 * n)), classifier).decision;
    expect(at(Math.ceil((needed ?? 0) / 100) * 100)).toBe('activate');
    expect(at(Math.floor((needed ?? 0) / 100) * 100 - 100)).toBe('evidence_missing');
  });

  test('that is as often right, but on other rows, does not agree', () => {
    expect(compareAnswers(classified(2000, 60, 60), classifier)).toMatchObject({
      decision: 'agreement_low',
      agreement: 0.94,
    });
    expect(compareAnswers(classified(2000, 50, 50), classifier)).toMatchObject({
      decision: 'activate',
      agreement: 0.95,
    });
  });

  test('is compared by its labels, in text or numbers, bare or in a list of one', () => {
    const rows: ComparedRow[] = Array.from({ length: 80 }, () => ({
      label: 3,
      legacy: { label: [3] },
      cube: { label: 3 },
    }));
    expect(compareAnswers(rows, classifier)).toMatchObject({ decision: 'activate', agreement: 1 });
    const texts: ComparedRow[] = rows.map((row) => ({ ...row, label: '3' }));
    expect(compareAnswers(texts, classifier)).toMatchObject({ legacy: { accuracy: 0 }, cube: { accuracy: 0 } });
  });

  test('loses exactly what legacy alone has right, whatever the answers are', () => {
    const answer = fc.constantFrom('a', 'b', 'c');
    fc.assert(
      fc.property(fc.array(fc.tuple(answer, answer, answer), { maxLength: 200 }), (answers) => {
        const rows = answers.map(([label, legacy, cube]) => ({
          label,
          legacy: { label: legacy },
          cube: { label: cube },
        }));
        const { n, b, c, legacy, cube, bound, limit, decision } = compareAnswers(rows, classifier);
        if (n > 0) expect((legacy.accuracy ?? 0) - (cube.accuracy ?? 0)).toBeCloseTo(((b ?? 0) - (c ?? 0)) / n, 12);
        if (decision === 'activate') expect(bound).toBeLessThan(limit);
        expect(['activate', 'agreement_low'].includes(decision)).toBe((bound ?? 1) < limit);
      }),
    );
  });
});

interface Recorded {
  readonly tolerance: Tolerance;
  readonly label: readonly number[];
  readonly legacy: readonly number[];
  readonly cube: readonly number[];
  readonly expected: Readonly<Record<'difference' | 'bound' | 'legacy_error' | 'cube_error' | 'agreement', number>> & {
    readonly decision: string;
  };
}

function regression({ label, legacy, cube }: Pick<Recorded, 'label' | 'legacy' | 'cube'>): ComparedRow[] {
  return label.map((value, row) => ({
    label: value,
    legacy: { value: legacy[row] ?? null },
    cube: { value: cube[row] ?? null },
  }));
}

/** Labels around which legacy errs by one, and the cube by so much. */
function errs(n: number, cubeError: (row: number) => number): ComparedRow[] {
  return Array.from({ length: n }, (_, row) => ({
    label: row,
    legacy: { value: row + 1 },
    cube: { value: row + cubeError(row) },
  }));
}

describe('a regressor', () => {
  test("is judged as an implementation in another language does, with SciPy's t distribution", () => {
    const file = new URL('../../../../data/regressor-comparisons.json.gz', import.meta.url);
    const cases: readonly Recorded[] = JSON.parse(gunzipSync(readFileSync(file)).toString());
    expect(new Set(cases.map(({ expected }) => expected.decision)).size).toBe(4);
    for (const { expected, tolerance, ...rows } of cases) {
      const found = compareAnswers(regression(rows), { ...regressor, tolerance });
      expect(found.decision).toBe(expected.decision === 'active' ? 'activate' : expected.decision);
      expect(found.difference).toBeCloseTo(expected.difference, 10);
      expect(found.bound).toBeCloseTo(expected.bound, 7);
      expect(found.agreement).toBe(expected.agreement);
      expect(found.legacy.mean_absolute_error).toBeCloseTo(expected.legacy_error, 10);
      expect(found.cube.mean_absolute_error).toBeCloseTo(expected.cube_error, 10);
    }
  });

  test('needs a hundred rows, however equal they are', () => {
    expect(
      compareAnswers(
        errs(99, () => 1),
        regressor,
      ),
    ).toMatchObject({ decision: 'evidence_missing', rows_needed: 100 });
    expect(
      compareAnswers(
        errs(100, () => 1),
        regressor,
      ),
    ).toMatchObject({ decision: 'activate', bound: 0 });
    expect(
      compareAnswers(
        errs(0, () => 1),
        regressor,
      ),
    ).toMatchObject({ decision: 'evidence_missing', rows_needed: 100 });
    expect(
      compareAnswers(
        errs(1, () => 1),
        regressor,
      ),
    ).toMatchObject({ decision: 'evidence_missing', rows_needed: 100 });
  });

  test('is rolled back when its error grows by five percent or more, also in few rows', () => {
    expect(
      compareAnswers(
        errs(400, () => 1.06),
        regressor,
      ),
    ).toMatchObject({ decision: 'accuracy_dropped' });
    expect(
      compareAnswers(
        errs(20, () => 1.06),
        regressor,
      ),
    ).toMatchObject({ decision: 'accuracy_dropped' });
  });

  test('whose errors vary too much to know needs the rows that would do', () => {
    const varied = (n: number) =>
      compareAnswers(
        errs(n, (row) => (row % 2 === 0 ? 1.5 : 0.55)),
        regressor,
      );
    const { decision, difference, rows_needed: needed } = varied(200);
    expect(decision).toBe('evidence_missing');
    expect(difference).toBeCloseTo(0.025, 10);
    expect(varied((needed ?? 0) + ((needed ?? 0) % 2)).bound).toBeLessThan(0.05);
    expect(varied((needed ?? 0) - 4).bound).toBeGreaterThan(0.05);
  });

  test('of which legacy errs nowhere must be equal within the tolerance', () => {
    const exact = (n: number, off: number): ComparedRow[] =>
      Array.from({ length: n }, (_, row) => ({ label: row, legacy: { value: row }, cube: { value: row + off } }));
    expect(compareAnswers(exact(100, 9e-6), regressor)).toMatchObject({ decision: 'activate', bound: null });
    expect(compareAnswers(exact(100, 9e-3), regressor)).toMatchObject({ decision: 'accuracy_dropped' });
    expect(compareAnswers(exact(50, 0), regressor)).toMatchObject({ decision: 'evidence_missing', rows_needed: 100 });
  });

  test('as good on average agrees only within its tolerance', () => {
    const rows = errs(400, () => -1);
    expect(compareAnswers(rows, regressor)).toMatchObject({ decision: 'agreement_low', agreement: 0 });
    expect(compareAnswers(rows, { ...regressor, tolerance: { absolute: 2, relative: 0 } })).toMatchObject({
      decision: 'activate',
    });
  });

  test('without numbers to compare has no evidence', () => {
    const rows = (value: string | number[]) =>
      Array.from({ length: 120 }, () => ({ label: 1, legacy: { value }, cube: { value } }));
    for (const value of ['one', [1, 2], []])
      expect(compareAnswers(rows(value), regressor)).toMatchObject({ decision: 'evidence_missing', rows_needed: null });
    expect(compareAnswers(rows([1]), { ...regressor, output: 'other' })).toMatchObject({
      decision: 'evidence_missing',
    });
  });
});

test('an output that is not finite rolls back, on whichever side, in whichever output', () => {
  const good = classified(80, 0, 0);
  for (const value of [null, Number.NaN, Number.POSITIVE_INFINITY, [0.5, null]]) {
    const bad = { label: 'yes', probability: value };
    for (const row of [
      { label: 'yes', legacy: bad, cube: { label: 'yes' } },
      { label: 'yes', legacy: { label: 'yes' }, cube: bad },
    ])
      expect(compareAnswers([...good, row], classifier)).toMatchObject({ decision: 'output_not_finite' });
  }
});

test("the quantile of Student's t is that of the tables", () => {
  for (const [degrees, quantile] of [
    [1, 12.706204736],
    [9, 2.262157163],
    [99, 1.984216952],
    [399, 1.965927296],
    [99_999, 1.959987708],
  ] as const)
    expect(upperQuantile(degrees)).toBeCloseTo(quantile, 6);
});
