import type { Part, PartRecords } from '../../src/storage/blob-store.js';

/** Records of parts that a test looks into; `add` throws in front of the part that `failAt` names. */
export class PartRecordsHere implements PartRecords {
  parts: (Part & { readonly source: string })[] = [];
  failAt: number | undefined;

  list = async () => [...this.parts];

  add = async (index: number, part: Part, source: string) => {
    if (index === this.failAt) throw new Error('the records are not reachable');
    this.parts[index] = { ...part, source };
  };

  forget = async () => {
    this.parts = [];
  };
}
