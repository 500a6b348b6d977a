import type pg from 'pg';

/** A setting of a server that may write contents of records into its log. */
export interface UnsafeLogSetting {
  readonly name: string;
  readonly value: string;
  /** The value under which they stay out. */
  readonly wanted: string;
}

type LogSettings = Readonly<Record<string, string>>;

interface LogRule {
  readonly name: string;
  readonly wanted: string;
  readonly safe: (value: string, all: LogSettings) => boolean;
}

const is = (name: string, wanted: string): LogRule => ({ name, wanted, safe: (value) => value === wanted });

/** Statements by themselves are harmless, since ours hold no contents; the parameters that are logged with them are not. */
const logsNoStatement = (all: LogSettings) =>
  ['none', 'ddl'].includes(all.log_statement ?? 'none') &&
  ['log_min_duration_statement', 'log_min_duration_sample'].every((name) => (all[name] ?? '-1') === '-1') &&
  Number(all.log_transaction_sample_rate ?? '0') === 0;

/** Only settings that the server has are read: some came with later versions, some with extensions. */
const rules: readonly LogRule[] = [
  // DETAIL quotes the row or the token that was refused.
  is('log_error_verbosity', 'terse'),
  is('log_min_error_statement', 'panic'),
  is('log_parameter_max_length_on_error', '0'),
  { name: 'log_parameter_max_length', wanted: '0', safe: (value, all) => value === '0' || logsNoStatement(all) },
  is('debug_print_parse', 'off'),
  is('debug_print_rewritten', 'off'),
  is('debug_print_plan', 'off'),
  {
    name: 'auto_explain.log_parameter_max_length',
    wanted: '0',
    safe: (value, all) => value === '0' || all['auto_explain.log_min_duration'] === '-1',
  },
  is('pgaudit.log_parameter', 'off'),
];

const conditions = [
  'log_statement',
  'log_min_duration_statement',
  'log_min_duration_sample',
  'log_transaction_sample_rate',
  'auto_explain.log_min_duration',
];

/**
 * The settings by which this server, as the session's role reaches it, may write contents of records into its log. Of what a session
 * has set for itself the value it began with counts: other programs begin with it, too.
 */
export async function unsafeLogSettings(client: pg.ClientBase | pg.Pool): Promise<readonly UnsafeLogSetting[]> {
  const found = await client.query<{ name: string; value: string }>(
    `select name, reset_val as value from pg_catalog.pg_settings
      where name operator(pg_catalog.=) any ($1::pg_catalog.text[]) and reset_val is not null`,
    [[...rules.map(({ name }) => name), ...conditions]],
  );
  const values: LogSettings = Object.fromEntries(found.rows.map(({ name, value }) => [name, value]));
  return rules.flatMap(({ name, wanted, safe }) => {
    const value = values[name];
    return value === undefined || safe(value, values) ? [] : [{ name, value, wanted }];
  });
}
