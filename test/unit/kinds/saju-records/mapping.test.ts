import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LegacySajuRecord, transformSajuRecord } from '../../../../src/domain/saju/convert-record.js';
import { sajuRecordsMapping as mapping } from '../../../../src/kinds/saju-records/mapping.js';
import { movedAt, sourceRow, type TargetTexts, targetTexts } from '../../../support/copy-rows.js';
import { carriedRecords, cleanRecord, sentRecords } from '../../../support/legacy-records.js';

const convert = (record: LegacySajuRecord) => mapping.converter(movedAt)(sourceRow(record));

function textsOf(record: LegacySajuRecord): TargetTexts {
  const converted = convert(record);
  if (converted.kind !== 'row') throw new Error('rejected');
  return targetTexts(converted.bytes);
}

describe('a source row', () => {
  test('becomes a row that holds its chart, field by field', () => {
    fc.assert(
      fc.property(carriedRecords, (record) => {
        const row = textsOf(record);
        const verdict = transformSajuRecord(record);
        if (verdict.kind !== 'chart') throw new Error('rejected');
        expect(Object.keys(row)).toEqual(mapping.targetColumns);
        expect({
          ...row,
          birth_info: JSON.parse(row.birth_info ?? ''),
          saju_chart: JSON.parse(row.saju_chart ?? ''),
        }).toEqual(verdict.chart);
        expect(convert(record)).toMatchObject({ id: BigInt(record.id), warned: verdict.warnings.length > 0 });
      }),
      { numRuns: 2000 },
    );
  });

  test('gives a row or a reject as the domain says, and never an exception', () => {
    fc.assert(
      fc.property(sentRecords, (record) => {
        const converted = convert(record);
        const verdict = transformSajuRecord(record);
        expect(converted.id).toBe(BigInt(record.id));
        if (verdict.kind === 'chart') {
          expect(converted.kind).toBe('row');
        } else {
          expect(converted).toMatchObject({ kind: 'reject', reason: verdict.reason, detail: verdict.detail });
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('that is rejected keeps every value in its payload, numbers and ids to the last digit', () => {
    fc.assert(
      fc.property(sentRecords, (record) => {
        const converted = convert(record);
        if (converted.kind === 'reject') expect(JSON.parse(converted.payload)).toEqual(record);
        expect(JSON.parse(mapping.payload(sourceRow(record)))).toEqual(record);
      }),
      { numRuns: 2000 },
    );
  });

  test('that is carried keeps what it was made of, for a payload should the target refuse it', () => {
    const source = sourceRow(cleanRecord);
    const converted = mapping.converter(movedAt)(source);
    expect(converted).toMatchObject({ kind: 'row', warned: false });
    expect(converted.kind === 'row' && converted.source).toBe(source);
  });

  test('keeps an empty text apart from NULL, and the marks of other formats as they are', () => {
    expect(textsOf({ ...cleanRecord, interpretation: 'a\nb\tc\\N' }).interpretation).toBe('a\nb\tc\\N');
    expect(textsOf({ ...cleanRecord, interpretation: null }).interpretation).toBeNull();
    expect(textsOf({ ...cleanRecord, interpretation: '' }).interpretation).toBe('');
    expect(textsOf({ ...cleanRecord, convention: null, updated_at: null })).toMatchObject({
      convention: null,
      interpretation: '대길',
      created_at: cleanRecord.created_at,
      updated_at: null,
    });
  });

  test('stays as it is while its neighbours are converted, in its own stream and in others', () => {
    const records = Array.from({ length: 40 }, (_, place) => ({
      ...cleanRecord,
      id: String(place),
      interpretation: `${place}`.repeat(place % 7 === 0 ? 50_000 : place),
      // Every third is a reject and leaves nothing between its neighbours.
      birth_month: place % 3 === 2 ? 13 : 1,
    }));
    const [one, other] = [mapping.converter(movedAt), mapping.converter(movedAt)];
    const converted = records.map((record) => [one(sourceRow(record)), other(sourceRow(record))] as const);
    for (const [place, record] of records.entries()) {
      for (const row of converted[place] ?? []) {
        expect(row.kind).toBe(record.birth_month === 13 ? 'reject' : 'row');
        if (row.kind === 'row') expect(targetTexts(row.bytes)).toEqual(textsOf(record));
      }
    }
  });
});

describe('the comparison', () => {
  test('looks at every column that is moved, and never at the time of the move', () => {
    const [compared, digested] = [mapping.comparedFields, mapping.digestedFields].map(
      (fields) => new Set(fields.map((field) => field.name.split('.')[0])),
    );
    const moved = new Set(mapping.targetColumns.filter((name) => name !== mapping.target.key));
    expect(compared).toEqual(moved);
    expect(digested).toEqual(moved);
    expect(moved.has(mapping.movedAtColumn)).toBe(false);
  });

  test('reads every source column', () => {
    const expressions = mapping.digestedFields.map((field) => field.source).join(' ');
    for (const { name } of mapping.source.columns)
      if (name !== 'id') expect(expressions).toMatch(new RegExp(`\\b${name}\\b`));
  });

  test('names every part of a chart', () => {
    const verdict = transformSajuRecord(cleanRecord);
    if (verdict.kind !== 'chart') throw new Error('rejected');
    const names = mapping.comparedFields.map((field) => field.name);
    for (const part of Object.keys(verdict.chart.birth_info)) expect(names).toContain(`birth_info.${part}`);
    for (const part of Object.keys(verdict.chart.saju_chart)) expect(names).toContain(`saju_chart.${part}`);
  });
});
