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
 * Adds an entry to the chain; whoever adds at the same time waits for its turn, four seconds at most. Called before the act:
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

/** Who has the turn and may not be ended by the audit's owner has to be ended by an operator: the function names it. */
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
  const asked = "has_function_privilege('audit.append(text, text, text, jsonb)', 'execute')";
  const found = await pool.query<{ may: boolean }>(`select ${asked} as may`);
  if (found.rows[0]?.may !== true) throw new Failure('permission_denied', 'The role may not execute audit.append.');
}

/** Whether entry `o` tells what became of entry `a`, as SQL; it names it, is of the same actor and subject, and comes after it. */
const describesRequest = `(o.details ->> 'of' = a.seq::text and not a.details ? 'of' and o.seq > a.seq and o.actor = a.actor
  and o.subject = a.subject and o.action in (${auditOutcomes.map((what) => `a.action || '.${what}'`).join(', ')}))`;

/** The entry that `e` names, as SQL; whoever may append may have it name anything. */
const named = `case when e.details ->> 'of' ~ '^[1-9][0-9]{0,17}$' then (e.details ->> 'of')::bigint end`;

/**
 * Entries older than `before`, the newest first, each with the entry that tells what became of it. That one is not listed
 * by itself; whatever else names an entry is.
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
     told as (
       select distinct on (a.seq) a.seq as of, o.seq, o.at, o.action, o.details, o.hash
         from a join audit.entries o on ${describesRequest}
        where o.seq > (select min(seq) from a) and o.details ? 'of' order by a.seq, o.seq)
     select a.seq, ${atText('a')} as at, a.actor, a.action, a.subject, a.details, a.hash, a.writer,
            told.seq as told_seq, ${atText('told')} as told_at, told.hash as told_hash,
            substr(told.action, length(a.action) + 2) as told_what, told.details ->> 'reason' as told_reason
       from a left join told on told.of = a.seq order by a.seq desc`,
    [before, limit],
  );
  return found.rows.map(({ told_seq, told_at, told_hash, told_what, told_reason, ...row }) => {
    const outcome =
      told_seq === null || told_at === null || told_hash === null
        ? { what: row.details.outcome, reason: row.details.reason }
        : { what: told_what, reason: told_reason, entry: { seq: Number(told_seq), at: told_at, hash: told_hash } };
    return { ...row, seq: Number(row.seq), ...outcomeOf(outcome) };
  });
}

interface AuditRow extends Omit<AuditEntry, 'seq' | 'outcome'> {
  readonly seq: string;
  readonly told_seq: string | null;
  readonly told_at: string | null;
  readonly told_hash: string | null;
  readonly told_what: string | null;
  readonly told_reason: string | null;
}

type Outcome = NonNullable<AuditEntry['outcome']>;

function outcomeOf(told: Pick<Outcome, 'entry'> & { readonly what: unknown; readonly reason: unknown }): {
  outcome?: Outcome;
} {
  const what = auditOutcomes.find((one) => one === told.what);
  if (what === undefined) return {};
  const { reason, entry } = told;
  return {
    outcome: {
      what,
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(entry === undefined ? {} : { entry }),
    },
  };
}

/**
 * Looks whether each entry is as it was written and follows the one before it. A chain cannot show that its end was cut
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

/** PostgreSQL holds neither NUL nor half a surrogate pair; a reason somebody typed must not undo an entry. */
function storable(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd');
}

function storableValue(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? storable(value) : value;
}
