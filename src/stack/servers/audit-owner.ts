import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { knownLedgerVersion, ledgerVersion } from '../../postgres/ledger/schema.js';
import { markOwnRole } from './own-roles.js';
import { scramVerifier } from './scram.js';

/** Owns the embedded database's audit, and cannot log in: entries come by its function alone. */
export const auditOwner = 'audit_owner';

/** Changes the ledger's and the audit's tables, and is there only while it does. */
export const migrator = 'cubeshift_migration';

const tables = ['audit.entries', 'audit.turn'];
const entryTypes = 'bigint,timestamp with time zone,text,text,text,jsonb,text';
const functions = [
  `audit.entry_hash(${entryTypes})`,
  `audit.entry_hash(${entryTypes},text)`,
  'audit.refuse_change()',
  'audit.turn_holders()',
  'audit.take_turn()',
  'audit.append(text,text,text,jsonb)',
];

/**
 * Runs `work` with the URL of a role made for it, which alone may change the audit meanwhile: no session of the database's
 * owner may. What it makes is the owner's afterwards, but for the audit.
 */
export async function asMigrator<T>(
  administrator: pg.Client,
  owner: string,
  ownerUrl: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const url = new URL(ownerUrl);
  url.username = migrator;
  url.password = randomBytes(32).toString('hex');
  const verifier = scramVerifier(url.password);
  await administrator.query(
    `create role ${migrator} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit
       password '${verifier}' in role ${owner}, ${auditOwner};
     ${markOwnRole(migrator)}`,
  );
  try {
    return await work(url.href);
  } finally {
    await endMigrator(administrator, owner);
  }
}

/** No role is a member of the audit's owner any more: neither a role left by a start that was killed, nor the database's owner. */
export async function endMigrator(administrator: pg.Client, owner: string): Promise<void> {
  await administrator.query(`do $$ begin
      if pg_has_role('${owner}', '${auditOwner}', 'member') then revoke ${auditOwner} from ${owner}; end if;
      if to_regrole('${migrator}') is null then return; end if;
      alter role ${migrator} nologin;
      perform pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = '${migrator}';
      ${giveAudit}
      reassign owned by ${migrator} to ${owner};
      drop owned by ${migrator};
      drop role ${migrator};
    end $$`);
}

/**
 * Gives the audit to its owner and takes all rights on it from everybody else. Refuses objects that are not this program's,
 * unless a newer program may have made them.
 */
export async function closeAudit(administrator: pg.Client): Promise<void> {
  if ((await ledgerVersion(administrator)) <= knownLedgerVersion()) await refuseStrangers(administrator);
  await administrator.query(`do $$ begin ${giveAudit} ${revokeRights} end $$`);
}

async function refuseStrangers(administrator: pg.Client): Promise<void> {
  const found = await administrator.query<{ what: string }>(strangers, [functions, tables]);
  if (found.rows.length === 0) return;
  throw new Failure(
    'cube_schema_mismatch',
    `The audit in the cube database is not as this program made it: ${found.rows.map(({ what }) => what).join(', ')}.`,
    {
      hint: 'See who changed it and why; only a superuser can, by PostgreSQL’s single-user mode while the stack is down.',
    },
  );
}

const listed = (names: readonly string[]) => `array[${names.map((name) => `'${name}'`).join(', ')}]`;

const giveAudit = `
  declare change text; begin
    for change in
      select format('alter schema audit owner to ${auditOwner}') where to_regnamespace('audit') is not null
      union all
      select format('alter table %s owner to ${auditOwner}', name)
        from unnest(${listed(tables)}) as name where to_regclass(name) is not null
      union all
      select format('alter routine %s owner to ${auditOwner}', name)
        from unnest(${listed(functions)}) as name where to_regprocedure(name) is not null
    loop execute change; end loop;
  end;`;

/** Rights on columns go with those on their table. */
const revokeRights = `
  declare change text; begin
    for change in
      select distinct format('revoke all on %s from %s cascade', what,
          case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
        from (
          select 'schema audit' as what, coalesce(nspacl, acldefault('n', nspowner)) as rights
            from pg_namespace where nspname = 'audit'
          union all
          select 'table ' || oid::regclass, coalesce(relacl, acldefault('r', relowner))
            from pg_class where relnamespace = 'audit'::regnamespace and relkind = 'r'
          union all
          select 'table ' || attrelid::regclass, attacl
            from pg_attribute join pg_class c on c.oid = attrelid where relnamespace = 'audit'::regnamespace
          union all
          select 'routine ' || oid::regprocedure, coalesce(proacl, acldefault('f', proowner))
            from pg_proc where pronamespace = 'audit'::regnamespace
        ) as objects, aclexplode(rights)
       where grantee <> to_regrole('${auditOwner}')
    loop execute change; end loop;
  end;`;

const strangers = `
  select 'function ' || oid::regprocedure as what from pg_proc
   where pronamespace = 'audit'::regnamespace and oid::regprocedure::text <> all ($1::text[])
  union all
  select 'relation ' || oid::regclass from pg_class
   where relnamespace = 'audit'::regnamespace and relkind not in ('i', 'I') and oid::regclass::text <> all ($2::text[])
  union all
  select format('rule %I on %s', rulename, ev_class::regclass) from pg_rewrite join pg_class c on c.oid = ev_class
   where relnamespace = 'audit'::regnamespace
  union all
  select format('trigger %I on %s', tgname, tgrelid::regclass) from pg_trigger join pg_class c on c.oid = tgrelid
   where relnamespace = 'audit'::regnamespace and not tgisinternal and tgname <> 'only_added_to'
  union all
  select 'trigger only_added_to is gone or off' where not exists (
    select from pg_trigger where tgrelid = 'audit.entries'::regclass and tgname = 'only_added_to'
       and tgfoid = 'audit.refuse_change()'::regprocedure and tgenabled in ('O', 'A'))`;
