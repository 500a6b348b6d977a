import pg from 'pg';
import { Failure } from '../base/failures.js';
import {
  type AuditAnchor,
  type AuditCheck,
  type AuditEntry,
  type AuditedAct,
  auditOutcomes,
  type BrokenReason,
} from '../domain/audit.js';

/** What the first entry names as the hash before it. */
const beginning = '0'.repeat(64);
const atText = (entry: string) => `to_char(${entry}.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/**
 * Appends an entry to the chain; concurrent calls wait for each other, four seconds at most. Called before the act:
 * what cannot be put on record is not done. Of a role's entries with the same action, subject and `details.once` there is one:
 * the first is returned again.
 */
export async function appendAudit(pool: pg.Pool, act: AuditedAct): Promise<AuditAnchor> {
  // One statement: a client that gave up, or is frozen, holds the chain no longer than the server takes for it.
  const added = await pool
    .query<{ seq: string; hash: string }>('select seq, hash from audit.append($1, $2, $3, $4)', [
      ...[act.actor, act.action, act.subject].map(storable),
      JSON.stringify(act.details, storableValue),
    ])
    .catch((error: unknown) => {
      throw lockFailure(error) ?? error;
    });
  const [entry] = added.rows;
  if (entry === undefined) throw new Error('a function returned no row');
  return { seq: Number(entry.seq), hash: entry.hash };
}

/** A session that holds the chain's lock and that the audit's role may not end has to be ended by an operator: the function names it. */
function lockFailure(error: unknown): Failure | undefined {
  if (!(error instanceof pg.DatabaseError) || error.code !== '55P03') return undefined;
  return new Failure('database_overloaded', `The audit in the cube database cannot be added to: ${error.message}.`, {
    cause: error,
    details: { sqlstate: error.code },
    hint: 'Where a session is named, end it as a superuser: select pg_terminate_backend(PID).',
  });
}

/** Throws when entries cannot be appended: the function is not there, or its EXECUTE is not given. */
export async function mayAppend(pool: pg.Pool): Promise<void> {
  const privilege = "has_function_privilege('audit.append(text, text, text, jsonb)', 'execute')";
  const found = await pool.query<{ may: boolean }>(`select ${privilege} as may`);
  if (found.rows[0]?.may !== true) throw new Failure('permission_denied', 'The role may not execute audit.append.');
}

/** Whether entry `o` records the outcome of entry `a`, as SQL; it names it, is of the same actor and subject, and comes after it. */
const describesRequest = `(o.details ->> 'of' = a.seq::text and not a.details ? 'of' and o.seq > a.seq and o.actor = a.actor
  and o.subject = a.subject and o.action in (${auditOutcomes.map((what) => `a.action || '.${what}'`).join(', ')}))`;

/** The entry that `e` names, as SQL; a role that may append may write any name. */
const named = `case when e.details ->> 'of' ~ '^[1-9][0-9]{0,17}$' then (e.details ->> 'of')::bigint end`;

/**
 * Entries older than `before`, the newest first, each with the entry that records its outcome. That one is not listed
 * by itself; any other entry that names one is.
 */
export async function readAudit(
  pool: pg.Pool,
  { before, limit }: { before: string; limit: number },
): Promise<readonly AuditEntry[]> {
  const found = await pool.query<AuditRow>(
    `with a as materialized (
       select * from audit.entries e
        where seq < $1 and not (e.details ? 'of' and exists (
          select from audit.entries a where a.seq = ${named} and e.seq = (
            select min(o.seq) from audit.entries o where o.seq > a.seq and o.seq <= e.seq and ${describesRequest})))
        order by seq desc limit $2),
     outcomes as (
       select distinct on (a.seq) a.seq as of, o.seq, o.at, o.action, o.details, o.hash
         from a join audit.entries o on ${describesRequest}
        where o.seq > (select min(seq) from a) and o.details ? 'of' order by a.seq, o.seq)
     select a.seq, ${atText('a')} as at, a.actor, a.action, a.subject, a.details, a.hash, a.writer,
            outcomes.seq as outcome_seq, ${atText('outcomes')} as outcome_at, outcomes.hash as outcome_hash,
            substr(outcomes.action, length(a.action) + 2) as outcome_what, outcomes.details ->> 'reason' as outcome_reason
       from a left join outcomes on outcomes.of = a.seq order by a.seq desc`,
    [before, limit],
  );
  return found.rows.map(({ outcome_seq, outcome_at, outcome_hash, outcome_what, outcome_reason, ...row }) => {
    const outcome =
      outcome_seq === null || outcome_at === null || outcome_hash === null
        ? { what: row.details.outcome, reason: row.details.reason }
        : {
            what: outcome_what,
            reason: outcome_reason,
            entry: { seq: Number(outcome_seq), at: outcome_at, hash: outcome_hash },
          };
    return { ...row, seq: Number(row.seq), ...outcomeOf(outcome) };
  });
}

interface AuditRow extends Omit<AuditEntry, 'seq' | 'outcome'> {
  readonly seq: string;
  readonly outcome_seq: string | null;
  readonly outcome_at: string | null;
  readonly outcome_hash: string | null;
  readonly outcome_what: string | null;
  readonly outcome_reason: string | null;
}

type RecordedOutcome = NonNullable<AuditEntry['outcome']>;

function outcomeOf(recorded: Pick<RecordedOutcome, 'entry'> & { readonly what: unknown; readonly reason: unknown }): {
  outcome?: RecordedOutcome;
} {
  const what = auditOutcomes.find((one) => one === recorded.what);
  if (what === undefined) return {};
  const { reason, entry } = recorded;
  return {
    outcome: {
      what,
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(entry === undefined ? {} : { entry }),
    },
  };
}

/**
 * Checks whether each entry is as it was written and follows the one before it. A chain cannot show that its end was cut
 * off, nor that all of it was written anew: an anchor noted earlier can.
 */
export async function checkAudit(pool: pg.Pool, anchor?: AuditAnchor): Promise<AuditCheck> {
  const found = await pool.query<{ entries: string; seq: string | null; hash: string | null }>(
    `select (select count(*) from audit.entries) as entries, last.seq, last.hash
       from (select 1) as one left join (select seq, hash from audit.entries order by seq desc limit 1) as last on true`,
  );
  const { entries = '0', seq = null, hash = null } = found.rows[0] ?? {};
  return {
    entries: Number(entries),
    head: seq === null || hash === null ? null : { seq: Number(seq), hash },
    broken: (await firstBrokenLink(pool)) ?? (anchor === undefined ? null : await differsFrom(pool, anchor)),
  };
}

async function firstBrokenLink(pool: pg.Pool): Promise<AuditCheck['broken']> {
  const found = await pool.query<{ seq: string; reason: BrokenReason }>(
    `select seq, reason from (
       select seq, case
         when seq <> coalesce(lag(seq) over chain, 0) + 1 then 'missing_before'
         when previous_hash <> coalesce(lag(hash) over chain, $1)
           or hash <> audit.entry_hash(seq, at, actor, action, subject, details, previous_hash, writer) then 'changed'
       end as reason
       from audit.entries window chain as (order by seq)) as links
     where reason is not null order by seq limit 1`,
    [beginning],
  );
  const [link] = found.rows;
  return link === undefined ? null : { seq: Number(link.seq), reason: link.reason };
}

async function differsFrom(pool: pg.Pool, anchor: AuditAnchor): Promise<AuditCheck['broken']> {
  const found = await pool.query<{ hash: string }>('select hash from audit.entries where seq = $1', [anchor.seq]);
  const [entry] = found.rows;
  if (entry === undefined) return { seq: anchor.seq, reason: 'anchor_missing' };
  return entry.hash === anchor.hash ? null : { seq: anchor.seq, reason: 'anchor_differs' };
}

/** PostgreSQL holds neither NUL nor half a surrogate pair; a reason as a person typed it must not undo an entry. */
function storable(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd');
}

function storableValue(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? storable(value) : value;
}
