import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { OwnerSajuRecords, StoredSajuRecord } from '../src/postgres/saju-service.js';
import { runCubeProgram } from '../src/services/cube-program.js';
import { buildSajuProgram, sajuCubeVariables } from '../src/services/saju/program.js';

/**
 * A bad version of the saju cube, for the demo: the real one with one fault planted in what it reads of records. Its
 * health is fine and its smoke test passes, as it is with versions that are bad in earnest.
 */
const faults = {
  /** Every answer has a wrong hour pillar. */
  'wrong-field': (record: StoredSajuRecord) => ({ ...record, hour_pillar: '갑자' }),
  /** Every third read fails. */
  errors: (record: StoredSajuRecord) => {
    if (BigInt(record.id) % 3n === 0n) throw new Error('planted');
    return record;
  },
  /** Every read takes this much longer. */
  slow: async (record: StoredSajuRecord) => {
    await sleep(slowMillis);
    return record;
  },
} as const satisfies Record<string, (record: StoredSajuRecord) => StoredSajuRecord | Promise<StoredSajuRecord>>;
const slowMillis = 400;

const { values } = parseArgs({ options: { fault: { type: 'string' } } });
const name = (Object.keys(faults) as (keyof typeof faults)[]).find((known) => known === values.fault);
if (name === undefined) throw new Error(`--fault takes one of ${Object.keys(faults).join(', ')}`);
const spoil = faults[name];

await runCubeProgram('saju-cube', sajuCubeVariables, (program) => buildSajuProgram(program, spoiled));

function spoiled(records: OwnerSajuRecords): OwnerSajuRecords {
  return {
    ...records,
    find: async (id) => {
      const record = await records.find(id);
      return record === undefined ? undefined : spoil(record);
    },
    list: async (userId, most, cursor) =>
      Promise.all((await records.list(userId, most, cursor)).map(async (record) => spoil(record))),
  };
}
