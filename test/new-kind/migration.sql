-- Up Migration
create schema if not exists crawler;

create table crawler.talismans (
  id bigint primary key,
  name text not null,
  created_at timestamptz,
  migrated_at timestamptz
);

create table crawler.talisman_orders (
  id bigint primary key,
  talisman_id bigint not null,
  buyer text,
  created_at timestamptz,
  migrated_at timestamptz
);

-- The artifact of a talisman: stored and published by the steps of its item.
create table crawler.drawings (
  talisman_id bigint primary key,
  svg text not null,
  published_at timestamptz,
  accepted_at timestamptz
);
