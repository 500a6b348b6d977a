import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LegacySajuRecord, transformSajuRecord } from '../../../src/domain/saju-records.js';
import { copyField, splitCopyLine } from '../../../src/postgres/copy-text.js';
import { sajuRecordsMapping as mapping } from '../../../src/postgres/saju-records.js';
import { carriedRecords, cleanRecord, legacyRecords } from '../../support/legacy-records.js';

/** A record as COPY writes its columns, in the order the mapping asks for them. */
function fieldsOf(record: LegacySajuRecord): (string | null)[] {
  return mapping.source.columns.map(({ name }) => {
    const value = record[name as keyof LegacySajuRecord];
    if (value === null) return null;
    return typeof value === 'boolean' ? (value ? 't' : 'f') : String(value);
  });
}

describe('a source row', () => {
  test('becomes a line that holds its chart, field by field', () => {
    fc.assert(
      fc.property(carriedRecords, (record) => {
        const converted = mapping.convert(fieldsOf(record));
        const verdict = transformSajuRecord(record);
        if (converted.kind !== 'row' || verdict.kind !== 'chart') throw new Error('rejected');
        const values = splitCopyLine(converted.line);
        expect(values).toHaveLength(mapping.targetColumns.length);
        const row = Object.fromEntries(mapping.targetColumns.map((name, place) => [name, values[place]]));
        expect({
          ...row,
          birth_info: JSON.parse(row.birth_info ?? ''),
          saju_chart: JSON.parse(row.saju_chart ?? ''),
        }).toEqual(verdict.chart);
        expect(converted).toMatchObject({ id: BigInt(record.id), warned: verdict.warnings.length > 0 });
      }),
      { numRuns: 2000 },
    );
  });

  test('gives a line or a reject as the domain says, and never an exception', () => {
    fc.assert(
      fc.property(legacyRecords, (record) => {
        const converted = mapping.convert(fieldsOf(record));
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
      fc.property(legacyRecords, (record) => {
        const converted = mapping.convert(fieldsOf(record));
        if (converted.kind === 'reject') expect(JSON.parse(converted.payload)).toEqual(record);
        expect(JSON.parse(mapping.payload(fieldsOf(record)))).toEqual(record);
      }),
      { numRuns: 2000 },
    );
  });

  test('that is carried keeps what it was made of, for a payload should the target refuse it', () => {
    const fields = fieldsOf(cleanRecord);
    expect(mapping.convert(fields)).toMatchObject({ kind: 'row', fields });
  });

  test('of two neighbours moves in one COPY line each', () => {
    const line = (record: LegacySajuRecord) => {
      const converted = mapping.convert(splitCopyLine(fieldsOf(record).map(copyField).join('\t')));
      return converted.kind === 'row' ? converted.line : '';
    };
    expect(line({ ...cleanRecord, interpretation: 'a\nb\tc\\N' })).not.toContain('\n');
    expect(line({ ...cleanRecord, interpretation: null }).split('\t')[5]).toBe('\\N');
    expect(line({ ...cleanRecord, interpretation: '' }).split('\t')[5]).toBe('');
    expect(
      line({ ...cleanRecord, convention: null, updated_at: null })
        .split('\t')
        .slice(4),
    ).toEqual(['\\N', '대길', cleanRecord.created_at, '\\N']);
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
