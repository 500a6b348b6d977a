import { parseArgs } from 'node:util';
import { runCubeProgram } from '../src/http/cube-program.js';
import { buildSajuProgram } from '../src/services/saju/program.js';
import type { OwnerSajuRecords } from '../src/services/saju/record-store.js';
import { faultNames, faults } from './faults.js';

/**
 * A bad version of the saju cube, for the demo: the real one with one fault planted in what it reads of records. Its
 * health is fine and its smoke test passes, as it is with versions that are bad in earnest.
 */
const { values } = parseArgs({ options: { fault: { type: 'string' } } });
const name = faultNames.find((known) => known === values.fault);
if (name === undefined) throw new Error(`--fault takes one of ${faultNames.join(', ')}`);
const { spoil } = faults[name];

await runCubeProgram('saju-cube', (program) => buildSajuProgram(program, spoiled));

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
