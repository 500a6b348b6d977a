-- Up Migration
create schema audit;

-- What an entry's hash is taken of: JSON, so that no part can run into the next; jsonb has one text for one value.
create function audit.entry_hash(
  seq bigint, at timestamptz, actor text, action text, subject text, details jsonb, previous_hash text
) returns text language sql immutable as $$
  select encode(sha256(convert_to(jsonb_build_array(
    seq, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, action, subject, details, previous_hash
  )::text, 'UTF8')), 'hex')
$$;

-- Who changed what, when. Each entry's hash is taken of its contents and of the hash before it.
create table audit.entries (
  seq bigint primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  subject text not null,
  details jsonb not null,
  previous_hash text not null,
  hash text not null
);

create function audit.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit is only ever added to' using errcode = 'insufficient_privilege';
end
$$;

create trigger only_added_to before update or delete or truncate on audit.entries
  for each statement execute function audit.refuse_change();
