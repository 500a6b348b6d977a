/**
 * The memo in which a plan publishes its view. The control API reads it from the description of the run and sends no query: a
 * worker whose first task of a run is a query, with an update right behind it, orders the plan's steps in a way that no later
 * worker can replay.
 */
export const viewMemo = 'view';
