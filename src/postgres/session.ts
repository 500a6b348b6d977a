import type pg from 'pg';

/** What differs between sessions of the engine. */
export interface SessionChoices {
  /** Shown in pg_stat_activity; sessions are ended by it. */
  readonly applicationName: string;
  /**
   * Whether statements set off functions of the database's owner, such as triggers of the tables written to: these find what their own
   * search path names, behind pg_catalog. Without it only pg_catalog is searched.
   */
  readonly runsForeignCode?: boolean;
  readonly readOnly?: boolean;
}

/**
 * What decides how something is read, written, kept or logged, whatever role, database or server have set: the engine's
 * statements mean the same everywhere. What decides how fast it goes is left to the server.
 */
const pinned: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  xmloption: 'content',
  xmlbinary: 'base64',
  bytea_output: 'hex',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  // A read that a policy would filter is an error: rows left out in silence would pass as moved.
  row_security: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // What the ledger says was committed must outlast the server.
  synchronous_commit: 'on',
  // An error ends a statement, not the session.
  exit_on_error: 'off',
  // A statement whose client is gone is given up, and with it the locks it has.
  client_connection_check_interval: '1s',
  // A server that is set to log parameters would write record contents into its log.
  log_parameter_max_length_on_error: '0',
  debug_print_parse: 'off',
  debug_print_rewritten: 'off',
  debug_print_plan: 'off',
};

/**
 * One statement, of which neither search path nor quoting can change the meaning. Names that a server does not know are
 * passed over: as options of the start they would end the connection.
 */
const pin = `
  select pg_catalog.set_config(wanted.name,
           case
             when wanted.name operator(pg_catalog.=) 'search_path' and $3::pg_catalog.bool
               then pg_catalog.concat_ws(', ', 'pg_catalog',
                      case when pg_catalog.length(pg_catalog.current_setting('search_path')) operator(pg_catalog.>) 0
                           then pg_catalog.current_setting('search_path') end,
                      'pg_temp')
             when wanted.name operator(pg_catalog.=) 'synchronous_commit'
                  and pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'remote_apply'
               then 'remote_apply'
             else wanted.value
           end, false)
    from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) as wanted (name, value)
   where pg_catalog.current_setting(wanted.name, true) is not null
     -- Not every system can detect that a client is gone; servers on others refuse any value but 0.
     and (wanted.name operator(pg_catalog.<>) 'client_connection_check_interval'
          or pg_catalog.strpos(pg_catalog.version(), 'linux') operator(pg_catalog.>) 0)`;

/**
 * Makes a new connection a session of the engine. One that this fails for must not be used; it fails after `graceMillis`
 * at the latest, so that a server that hangs does not block its callers.
 */
export async function pinSession(client: pg.ClientBase, choices: SessionChoices, timeoutMillis: number): Promise<void> {
  const settings = Object.entries({
    ...pinned,
    application_name: choices.applicationName,
    default_transaction_read_only: choices.readOnly === true ? 'on' : 'off',
    search_path: 'pg_catalog, pg_temp',
  });
  const query: pg.QueryConfig & { query_timeout: number } = {
    text: pin,
    values: [settings.map(([name]) => name), settings.map(([, value]) => value), choices.runsForeignCode === true],
    query_timeout: timeoutMillis,
  };
  await client.query(query);
}
