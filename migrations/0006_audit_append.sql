-- Up Migration
-- Entries come by audit.append alone. Who may only execute it can neither choose an entry's place, as the last one that
-- there can be, nor hold the chain by a lock of its own. An administrator gives it, with schema and tables, to a role that
-- nobody logs in as: docs/audit.md says how.

-- The turn of whoever appends: a row lock, which only who may update the table can take. An advisory lock, or one on the
-- table of entries, anybody could hold who may connect or read.
create table audit.turn (one boolean primary key default true check (one));
insert into audit.turn default values;

-- Some entries must not come twice, though their writer cannot know whether the first attempt got through.
create index entries_once on audit.entries ((details ->> 'once')) where details ? 'once';

create function audit.append(actor text, action text, subject text, details jsonb)
  returns audit.entries
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '4s'
as $$
#variable_conflict use_column
declare
  entry audit.entries;
begin
  if octet_length(append.details::text) > 100000
     or greatest(octet_length(append.actor), octet_length(append.action), octet_length(append.subject)) > 2000 then
    raise exception 'an entry of the audit is too long' using errcode = 'program_limit_exceeded';
  end if;
  perform from audit.turn for update;
  if not found then
    raise exception 'the row of audit.turn is missing' using errcode = 'object_not_in_prerequisite_state';
  end if;
  -- The last entry is read by a statement that begins after the turn has come, or it would be an older one.
  if append.details ? 'once' then
    select * into entry from audit.entries as former
     where former.details ? 'once' and former.details ->> 'once' = append.details ->> 'once'
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
  entry.hash := audit.entry_hash(
    entry.seq, entry.at, entry.actor, entry.action, entry.subject, entry.details, entry.previous_hash
  );
  insert into audit.entries select entry.*;
  return entry;
end
$$;

revoke all on audit.entries, audit.turn from public;
revoke all on function audit.append(text, text, text, jsonb) from public;
