import type { MigrationKind } from '../domain/catalog.js';
import { aiModels } from './ai-models/kind.js';
import type { Kind } from './kind.js';
import { paperworkFiles } from './paperwork-files/kind.js';
import { sajuRecords } from './saju-records/kind.js';

/** The implementation of every kind of the catalogue: one left out does not compile. */
export const registry: Readonly<Record<MigrationKind, Kind>> = {
  'saju-records': sajuRecords,
  'ai-models': aiModels,
  'paperwork-files': paperworkFiles,
};
