-- Up Migration
-- What users requested of the paperwork cube: a document's text, tables or class. The cube writes the request, a documents worker finds it
-- here and starts its plan; a new request of what has ended replaces the old one. `reading` is how the document is read where that is not
-- the kind, `content` the SHA-256 of what was read, `method` what reads it, and `result_id` the id that was drawn for the result before it is
-- written.
create table paperwork.processing (
  file_id bigint not null,
  kind text not null,
  request uuid not null,
  state text not null check (state in ('queued', 'waiting', 'running', 'done', 'failed')),
  page integer,
  pages integer,
  reason text,
  reading text,
  content text,
  method text,
  made_by text,
  result_id bigint,
  dispatched_at timestamptz,
  requested_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (file_id, kind)
);
create index processing_to_dispatch on paperwork.processing (requested_at) where state not in ('done', 'failed');

-- Pages that were read while others are still to come; none is left of a request that has ended.
create table paperwork.read_pages (
  file_id bigint not null,
  kind text not null,
  page integer not null check (page > 0),
  content jsonb not null,
  primary key (file_id, kind, page),
  foreign key (file_id, kind) references paperwork.processing on delete cascade
);
