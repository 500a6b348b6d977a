import { Type } from 'typebox';
import type { OperationView, RepairCounts, RetryCounts } from '../domain/migration/operation-view.js';
import { schemaOf } from './schema-of.js';
import { nullable, oneOf } from './shapes.js';

const rows = (description: string) => Type.Integer({ description });

const retried = schemaOf<RetryCounts>()(
  Type.Object({
    tried: rows('rejects that were to be tried'),
    moved: rows('rejects that went through'),
    as_before: rows('rejected still, for the same reason; before `finished_at` also those not tried yet'),
    other_reason: rows('rejected still, for another reason'),
    gone: rows('legacy no longer has the row'),
    following: rows('behind a parent that is rejected by now'),
    children_moved: rows('rows of child tables that were moved with the reject that they followed'),
    children_rejected: rows('such rows that became rejects themselves'),
  }),
);

const repaired = schemaOf<RepairCounts>()(
  Type.Object({
    missing: rows('rows that the cube lacked'),
    different: rows('rows with another value in at least one field'),
    extra: rows('rows of the cube that legacy does not have'),
    repeated: rows('ids that one side had more than once'),
    unrecorded: rows('rows of the cube that the ledger did not know'),
    absent: rows('ids that the ledger knew as moved and the cube did not have'),
    set_aside: rows('of all these, rows that no run had put there: kept in the ledger'),
    rejected: rows('of all these, rows of legacy that cannot be moved'),
    rejects_moved: rows('rejects that could be moved after all'),
    rejects_gone: rows('rejects of which legacy no longer has the row'),
    children_moved: rows('rows of child tables that follow no reject any more'),
    children_withheld: rows('rows of child tables that follow a reject now'),
    children_rejected: rows('rows of child tables that had followed a reject and became rejects themselves'),
    children_gone: rows('rows of child tables that had followed a reject and that legacy no longer has'),
  }),
);

/** The last retry of rejects or repair of a run. */
export const operationSchema = schemaOf<OperationView>()(
  Type.Object({
    action: oneOf(['rejects/retry', 'repair']),
    by: Type.String({ description: 'who sent the command' }),
    started_at: Type.String(),
    finished_at: nullable<string>({ type: 'string', description: 'null until everything was done' }),
    retried: nullable<RetryCounts>(retried),
    repaired: nullable<RepairCounts>(repaired),
    summary: Type.String({ description: 'the counts in a sentence' }),
  }),
);
