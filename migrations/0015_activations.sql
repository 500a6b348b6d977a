-- Up Migration
-- The versions of a model in the order in which they became active: the newest row is the version that is active, and the rows below say
-- what was active before, however often a version became active. Going back deletes the rows above the version that is brought back.
create table ai.activations (
  id bigint generated always as identity primary key,
  model_id integer not null,
  version_id bigint not null references ai.model_versions on delete cascade
);
create index activations_by_model on ai.activations (model_id, id);
create index activations_by_version on ai.activations (version_id);

with recursive chain as (
  select model_id, id, former_version_id, 0 as depth, array[id] as seen from ai.model_versions where state = 'active'
  union all
  select version.model_id, version.id, version.former_version_id, depth + 1, seen || version.id
    from chain join ai.model_versions as version on version.id = chain.former_version_id and version.model_id = chain.model_id
   where version.id <> all (seen))
insert into ai.activations (model_id, version_id) select model_id, id from chain order by model_id, depth desc;

alter table ai.model_versions drop column former_version_id;
