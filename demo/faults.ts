import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredSajuRecord } from '../src/services/saju/record-store.js';

interface Fault {
  /** As reports name it. */
  readonly text: string;
  readonly spoil: (record: StoredSajuRecord) => StoredSajuRecord | Promise<StoredSajuRecord>;
}

const slowMillis = 400;

/** What is planted in bad versions of the saju cube. */
export const faults = {
  'wrong-field': {
    text: 'a wrong hour pillar in every record',
    spoil: (record) => ({ ...record, hour_pillar: '갑자' }),
  },
  errors: {
    text: 'an error in every third read',
    spoil: (record) => {
      if (BigInt(record.id) % 3n === 0n) throw new Error('planted');
      return record;
    },
  },
  slow: {
    text: `${slowMillis} ms more a read`,
    spoil: async (record) => {
      await sleep(slowMillis);
      return record;
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
export const faultNames = Object.keys(faults) as readonly (keyof typeof faults)[];
