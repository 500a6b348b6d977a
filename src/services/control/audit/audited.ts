import type { FastifyRequest } from 'fastify';
import { failureRule, toFailure } from '../../../base/failures.js';
import type { AuditedAct, AuditOutcome } from '../../../domain/audit.js';
import { requesterOf } from '../../../http/requester.js';
import { appendAudit } from '../../../postgres/audit.js';
import { postgresFailure } from '../../../postgres/errors.js';
import type { ControlDependencies } from '../dependencies.js';

type Act = Omit<AuditedAct, 'actor'>;

/** An act with its requester: the token's holder, and what the client says of the person. */
export function actOf({ authorization }: ControlDependencies, request: FastifyRequest, act: Act): AuditedAct {
  const { actor, about } = requesterOf(authorization, request);
  return { ...act, actor, details: { ...act.details, ...about } };
}

/**
 * Puts an act on record, carries it out by `work`, and puts on record what became of that, as an entry of its own that names
 * the first. What cannot be put on record is not done. An act without a recorded outcome has an
 * unknown one: this program died meanwhile, or the database became unreachable. `outcomeOfResult` says what the second entry has of the result.
 */
export async function audited<T>(
  deps: ControlDependencies,
  request: FastifyRequest,
  act: Act,
  work: () => Promise<T>,
  outcomeOfResult: (result: T) => object = () => ({}),
): Promise<T> {
  const requested = actOf(deps, request, act);
  const { seq } = await appendAudit(deps.cube, requested);
  const recordOutcome = (what: AuditOutcome, details: object) =>
    appendAudit(deps.cube, {
      ...requested,
      action: `${requested.action}.${what}`,
      details: { of: seq, ...details },
    }).catch(
      // A missing second entry undoes nothing: the outcome of the first is then unknown.
      (error: unknown) =>
        request.log.error(
          { of: seq, outcome: what, reason: toFailure(error, postgresFailure('cube')).type },
          'the outcome of an act is not in the audit',
        ),
    );
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await recordOutcome(outcomeOf(error), reasonOf(error));
    throw error;
  }
  await recordOutcome('done', outcomeOfResult(result));
  return result;
}

/** Whether the act was refused, or its outcome is unknown: a server that did not answer may have acted. */
export function outcomeOf(error: unknown): AuditOutcome {
  return failureRule(reasonOf(error).reason).httpStatus < 500 ? 'refused' : 'unknown';
}

export function reasonOf(error: unknown) {
  return { reason: toFailure(error, postgresFailure('cube')).type };
}
