/** By these keywords the Web UI and `temporal workflow list` filter plans. A worker makes them, and the plans set them. */
export const searchAttributeNames = ['MigrationKind', 'MigrationStage', 'MigrationStatus', 'CubeId'] as const;
export type SearchAttributeName = (typeof searchAttributeNames)[number];
