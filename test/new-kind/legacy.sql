-- Legacy has these tables; a migration only reads them.
create table talismans (
  id bigserial primary key,
  name text,
  drawing text,
  created_at timestamptz
);
create table talisman_orders (
  id bigserial primary key,
  talisman_id bigint references talismans,
  buyer text,
  created_at timestamptz
);
