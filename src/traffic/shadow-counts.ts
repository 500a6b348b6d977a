import type { Difference } from '../domain/traffic/shadow-comparison.js';

export type SkipReason = 'busy' | 'old_failed' | 'new_failed' | 'too_nested';

/** One counted difference, without the values themselves. */
export interface ShadowExample {
  readonly at: string;
  readonly cube: string;
  readonly route: string;
  readonly field: string;
  readonly request_id: string;
  readonly legacy: string;
  readonly of_cube: string;
}

interface FieldCounts {
  /** The cube's answer differed from legacy's. */
  cubeDiffers: number;
  /** Two answers of legacy differed. */
  legacyDiffers: number;
  /** Those of `cubeDiffers` that no difference of legacy from itself explains. */
  mismatched: number;
}

interface RouteCounts {
  readonly cube: string;
  readonly route: string;
  compared: number;
  /** Differences that a later answer of legacy explained. */
  raced: number;
  readonly skipped: Record<SkipReason, number>;
  readonly fields: Map<string, FieldCounts>;
}

/** Fields with names that users choose must not make a series each. */
const maxFields = 50;
const maxExamples = 100;
/** TRAFFIC, "Shadow": a field counts where the cube differs more often than legacy from itself by this factor. */
const noiseFactor = 1.2;

/** The results of shadow comparisons, in counters that only grow. */
export class ShadowCounts {
  private readonly routes = new Map<string, RouteCounts>();
  private readonly kept: ShadowExample[] = [];

  of(cube: string, route: string): RouteCounts {
    let counts = this.routes.get(route);
    if (counts === undefined) {
      counts = {
        cube,
        route,
        compared: 0,
        raced: 0,
        skipped: { busy: 0, old_failed: 0, new_failed: 0, too_nested: 0 },
        fields: new Map(),
      };
      this.routes.set(route, counts);
    }
    return counts;
  }

  recordLegacyDifference(counts: RouteCounts, field: string): void {
    fieldOf(counts, field).legacyDiffers++;
  }

  /** Counts a difference of the cube from legacy; `stable`: legacy's own answers agree in that field. */
  recordCubeDifference(
    counts: RouteCounts,
    difference: Difference,
    stable: boolean,
    at: string,
    requestId: string,
  ): void {
    const field = fieldOf(counts, difference.field);
    field.cubeDiffers++;
    if (!stable || field.cubeDiffers <= noiseFactor * field.legacyDiffers) return;
    field.mismatched++;
    const { cube, route } = counts;
    const { field: name, one: legacy, other: ofCube } = difference;
    this.kept.push({ at, cube, route, field: name, request_id: requestId, legacy, of_cube: ofCube });
    if (this.kept.length > maxExamples) this.kept.shift();
  }

  all(): readonly RouteCounts[] {
    return [...this.routes.values()];
  }

  /** The last differences, the newest last. */
  examples(): readonly ShadowExample[] {
    return [...this.kept];
  }
}

function fieldOf(counts: RouteCounts, name: string): FieldCounts {
  const known = counts.fields.get(name) ?? (counts.fields.size < maxFields ? undefined : counts.fields.get('other'));
  if (known !== undefined) return known;
  const made = { cubeDiffers: 0, legacyDiffers: 0, mismatched: 0 };
  counts.fields.set(counts.fields.size < maxFields ? name : 'other', made);
  return made;
}
