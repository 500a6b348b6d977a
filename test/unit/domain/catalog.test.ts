import { describe, expect, test } from 'vitest';
import {
  type CubeEntry,
  contractKinds,
  cubes,
  defaultOptionsOf,
  kindEntry,
  migrationKinds,
  rejectAdvice,
  workflowTypeOf,
} from '../../../src/domain/catalog.js';
import { cubeIds, smokeCallsOf, trafficNameOfKind } from '../../../src/domain/cubes.js';
import { type SajuWarning, sajuRejectReasons } from '../../../src/domain/saju/convert-record.js';
import * as workflows from '../../../src/workflows/index.js';

test('cubes have the ports and prefixes of the contract', () => {
  const lines = cubeIds.map((cubeId) => {
    const { type, port, prefix = '–' }: CubeEntry = cubes[cubeId];
    return `${cubeId} ${type} ${port} ${prefix}`;
  });
  expect(lines).toEqual([
    'api-gateway-cube infrastructure 8088 –',
    'security-cube infrastructure 8080 –',
    'monitoring-cube infrastructure 9464 –',
    'saju-cube core_service 8001 /api/saju/',
    'ai-cube core_service 8002 /api/ai/',
    'paperwork-cube support_service 8003 /api/paperwork/',
    'crawler-cube support_service 8004 /api/crawler/',
    'frontend-cube support_service 3000 /',
  ]);
});

test('the kinds of the contract are known, whether this version moves them or not', () => {
  expect(contractKinds).toEqual(['saju-records', 'ai-models', 'paperwork-files', 'crawler-jobs']);
});

test('every cube is called for its health, the saju cube for a chart, and the paperwork cube to try its writes', () => {
  expect(smokeCallsOf('security-cube').map(({ path }) => path)).toEqual(['/health']);
  expect(smokeCallsOf('saju-cube').map(({ path }) => path)).toEqual(['/health', '/calculate']);
  expect(smokeCallsOf('paperwork-cube').map(({ path }) => path)).toEqual(['/health', '/_cube/write-check']);
});

describe.each(migrationKinds)('%s', (kind) => {
  const { plan, tables, item, rejectReasons } = kindEntry(kind);

  test('has its plan among the exported workflows', () => {
    expect(Object.keys(workflows)).toContain(workflowTypeOf(kind));
  });

  test('has parents before their children', () => {
    const names = tables.map(({ name }) => name);
    for (const [place, { parent }] of tables.entries())
      if (parent !== undefined) expect(names.slice(0, place)).toContain(parent);
    expect(tables[0]?.parent).toBeUndefined();
  });

  test('has steps of items with the plan for them alone', () => {
    expect(item !== undefined).toBe(plan === 'items');
  });

  test('is served by a cube that has a legacy twin', () => {
    expect(trafficNameOfKind(kind)).toBeTruthy();
  });

  test('says of every reason what to do about it: one sentence or two, and none twice', () => {
    const texts = Object.keys(rejectReasons).map((reason) => rejectAdvice(kind, reason));
    for (const text of texts) expect(text).toMatch(/^[A-Z].{30,220}\.$/);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('closes its reasons with what every kind has', () => {
    expect(Object.keys(rejectReasons).slice(-2)).toEqual(['timestamp_invalid', 'refused_by_target']);
  });
});

test('a saju record is rejected for the reasons of the catalogue', () => {
  expect(Object.keys(kindEntry('saju-records').rejectReasons)).toEqual([...sajuRejectReasons, 'refused_by_target']);
});

test('an unknown reason has a text too, whatever its name', () => {
  for (const reason of ['drawing_unreadable', 'toString', '__proto__', ''])
    expect(rejectAdvice('saju-records', reason)).toMatch(/^Look at the detail of each/);
});

test('a saju record that is moved with a warning is reported under the name of its only warning', () => {
  expect(kindEntry('saju-records').warning).toBe('pillars_do_not_fit' satisfies SajuWarning);
});

test('two percent of saju records may be rejected', () => {
  expect(defaultOptionsOf('saju-records').reject_limit_percent).toBe(2);
});
