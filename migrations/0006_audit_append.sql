-- Up Migration
-- Entries come by audit.append alone. Who may only execute it can neither choose an entry's place, as the last one that
-- there can be, nor hold the chain by a lock of its own. An administrator gives it, with schema and tables, to a role that
-- nobody logs in as: docs/audit.md says how.

-- The turn of whoever appends: a lock of a table that nobody has a right to. An advisory lock, or one on the table of
-- entries, anybody could hold who may connect or read. It is the whole table's, so that pg_locks tells who has it.
create table audit.turn ();

-- Which program wrote an entry: the role that it logged in as. Null in entries from before this column.
alter table audit.entries add column writer text;

create function audit.entry_hash(
  seq bigint, at timestamptz, actor text, action text, subject text, details jsonb, previous_hash text, writer text
) returns text language sql immutable as $$
  select case when writer is null then audit.entry_hash(seq, at, actor, action, subject, details, previous_hash)
  else encode(sha256(convert_to(jsonb_build_array(
    seq, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, action, subject, details, previous_hash,
    writer
  )::text, 'UTF8')), 'hex') end
$$;

-- Some entries must not come twice, though their writer cannot know whether the first attempt got through.
create index entries_once on audit.entries ((details ->> 'once')) where details ? 'once';

-- Transactions that have the turn. Access share is what a dump takes: nobody waits for it.
create function audit.turn_holders() returns table (pid int, transaction text)
  language sql
  set search_path = pg_catalog, pg_temp
as $$
  select pid, virtualtransaction from pg_locks
   where locktype = 'relation' and granted and mode <> 'AccessShareLock' and relation = 'audit.turn'::regclass
     and database = (select oid from pg_database where datname = current_database())
     and pid is distinct from pg_backend_pid()
$$;

-- An entry takes milliseconds. A transaction that had the turn all the while that somebody waited for it keeps it from
-- everybody: its session is ended, or named where the audit's owner may not end it.
create function audit.take_turn() returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  before text[];
  holder record;
  held_by text := '';
begin
  for attempt in 1..2 loop
    before := array(select transaction from audit.turn_holders());
    begin
      lock table audit.turn in exclusive mode;
      return;
    exception when lock_not_available then null;
    end;
    held_by := '';
    for holder in
      select holders.pid, holders.transaction, usename, application_name
        from audit.turn_holders() as holders left join pg_stat_activity as sessions on sessions.pid = holders.pid
    loop
      held_by := held_by || format(' [pid %s, role %s, %s]', holder.pid, holder.usename, holder.application_name);
      continue when not holder.transaction = any (before);
      begin
        perform pg_terminate_backend(holder.pid);
      exception when insufficient_privilege then null;
      end;
    end loop;
  end loop;
  raise exception 'others keep the turn of the audit:%', held_by using errcode = 'lock_not_available';
end
$$;

create function audit.append(actor text, action text, subject text, details jsonb)
  returns audit.entries
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
#variable_conflict use_column
declare
  entry audit.entries;
begin
  if octet_length(append.details::text) > 100000
     or greatest(octet_length(append.actor), octet_length(append.action), octet_length(append.subject)) > 2000 then
    raise exception 'an entry of the audit is too long' using errcode = 'program_limit_exceeded';
  end if;
  perform audit.take_turn();
  -- The last entry is read by a statement that begins after the turn has come, or it would be an older one.
  if append.details ? 'once' then
    -- Another program's entry does not count: it could say so beforehand of what then would never be put on record.
    select * into entry from audit.entries as former
     where former.writer = session_user and former.details ? 'once' and former.details ->> 'once' = append.details ->> 'once'
       and former.action = append.action and former.subject = append.subject
     order by former.seq limit 1;
    if found then return entry; end if;
  end if;
  select last.seq, last.hash into entry.seq, entry.previous_hash from audit.entries as last order by last.seq desc limit 1;
  entry.seq := coalesce(entry.seq, 0) + 1;
  entry.previous_hash := coalesce(entry.previous_hash, repeat('0', 64));
  entry.at := clock_timestamp();
  entry.actor := append.actor;
  entry.action := append.action;
  entry.subject := append.subject;
  entry.details := append.details;
  entry.writer := session_user;
  entry.hash := audit.entry_hash(
    entry.seq, entry.at, entry.actor, entry.action, entry.subject, entry.details, entry.previous_hash, entry.writer
  );
  insert into audit.entries select entry.*;
  return entry;
end
$$;

revoke all on audit.entries, audit.turn from public;
revoke all on function audit.append(text, text, text, jsonb), audit.take_turn(), audit.turn_holders() from public;
