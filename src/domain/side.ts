/** The two systems of a migration, and the two that can serve a request. */
export type Side = 'legacy' | 'cube';
