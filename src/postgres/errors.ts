import pg from 'pg';
import { Failure, type FailureType } from '../base/failures.js';
import type { Side } from '../domain/side.js';

const names: Record<Side, string> = { legacy: 'legacy database', cube: 'cube database' };

/**
 * Classes of SQLSTATEs that are about the server itself, a connection or a statement. Any other is about
 * a row, and a trigger may refuse one by a state of its own.
 * https://www.postgresql.org/docs/16/errcodes-appendix.html
 */
export const serverErrorClasses: ReadonlySet<string> = new Set(
  '08 0A 25 26 28 3D 3F 40 42 53 55 57 58 F0 XX'.split(' '),
);

export function isServerError(sqlState: string): boolean {
  return serverErrorClasses.has(sqlState.slice(0, 2));
}

/** Whether the target refused the data itself, so that sending the same row again cannot help. */
export function isRowDataError(error: unknown): error is pg.DatabaseError & { code: string } {
  if (!(error instanceof pg.DatabaseError) || !error.code) return false;
  return !isServerError(error.code) || isFieldTooShort(error);
}

/**
 * In a binary COPY a field shorter than its type is a protocol violation to the server; the connection lives on. Known by
 * the function that reads a field, within a row that the server names: its words are in the server's language.
 */
function isFieldTooShort(error: pg.DatabaseError): boolean {
  return error.code === '08P01' && error.where !== undefined && readsField.test(error.routine ?? '');
}

/** In the server's sources (pqformat.c). */
const readsField = /^pq_(copymsgbytes|getmsg\w+)$/;

/**
 * What PostgreSQL and its driver throw, as failures. The server's own message is never passed on: it may quote a row.
 * The SQLSTATE and the names of table, column and constraint are.
 */
export function postgresFailure(side: Side): (error: unknown) => Failure | undefined {
  return (error) => {
    if (error instanceof pg.DatabaseError) return databaseFailure(side, error);
    if (isConnectionLoss(error)) {
      return new Failure(unreachable(side), `The ${names[side]} cannot be reached${reasonOf(error)}.`, {
        cause: error,
      });
    }
    return undefined;
  };
}

function databaseFailure(side: Side, error: pg.DatabaseError): Failure {
  const failure = serverFailure(side, error);
  if (error.routine !== raising || raisedAsMeant.has(failure.type)) return failure;
  // What a function raises under a state of the server's own says nothing of connection, rights or tables.
  return new Failure(
    'unexpected',
    `A trigger or function of the ${names[side]} stopped a statement (SQLSTATE ${error.code}).`,
    { cause: error, details: failure.details, hint: 'See what that trigger or function raises, and why.' },
  );
}

/** Where the server's sources execute RAISE. */
const raising = 'exec_stmt_raise';
const raisedAsMeant: ReadonlySet<FailureType> = new Set(['database_overloaded', 'disk_full']);

function serverFailure(side: Side, error: pg.DatabaseError): Failure {
  const code = error.code ?? '';
  const state = `(SQLSTATE ${code})`;
  const because = (type: FailureType, sentence: string, hint?: string) =>
    new Failure(type, sentence, { cause: error, details: { sqlstate: code }, ...(hint === undefined ? {} : { hint }) });
  const schemaMismatch: FailureType = side === 'legacy' ? 'legacy_schema_mismatch' : 'cube_schema_mismatch';
  switch (code) {
    case '28P01':
    case '28000':
      return because(
        'permission_denied',
        `The ${names[side]} refused the user or password of its URL ${state}.`,
        'Correct the URL.',
      );
    case '3D000':
      return because(schemaMismatch, `The database named in the URL of the ${names[side]} does not exist ${state}.`);
    case '42501':
      if (error.routine === filtering)
        return because(
          'permission_denied',
          `Row level security ${tableIn(error)} of the ${names[side]} would hide rows from the engine's role ${state}.`,
          "Give the engine's role BYPASSRLS, or take the policies off that table.",
        );
      return because(
        'permission_denied',
        `The ${names[side]} refused the engine's role a right it needs${objectOf(error)} ${state}.`,
      );
    case '25006':
      return because(
        'permission_denied',
        `The ${names[side]} refused the engine's role a right it needs${objectOf(error)} ${state}.`,
      );
    case '42P01':
    case '42703':
    case '3F000':
      return because(schemaMismatch, `${missingBy(error, code)} is missing in the ${names[side]} ${state}.`);
    case '53100':
      return because(
        'disk_full',
        `The disk of the ${names[side]} is full ${state}; nothing that was committed is lost.`,
      );
    case '57P01':
    case '57P02':
    case '57P03':
    case '57P05':
      return because(
        unreachable(side),
        `The ${names[side]} is stopping or starting, or ended the connection ${state}.`,
      );
    case '57014':
    case '40001':
    case '40P01':
    case '55P03':
      return because('database_overloaded', `The ${names[side]} gave up a statement in favour of others ${state}.`);
  }
  if (code.startsWith('08'))
    return because(unreachable(side), `The connection to the ${names[side]} was lost ${state}.`);
  if (code.startsWith('53') || code.startsWith('58')) {
    return because('database_overloaded', `The ${names[side]} lacks a resource ${state}.`);
  }
  return because(
    'unexpected',
    `The ${names[side]} answered with an error the engine does not expect ${state}${objectOf(error)}.`,
  );
}

/** Where the server's sources refuse a read that a policy would filter, as sessions of the engine want it. */
const filtering = 'check_enable_rls';

// The server names some things in its message alone, which is in its language: it is read for a better sentence, never for
// a decision. Such a message holds names, never a row.

function tableIn(error: pg.DatabaseError): string {
  const table = error.table ?? /table "([^"]+)"/.exec(error.message)?.[1];
  return table === undefined ? 'on a table' : `on table ${table}`;
}

/** What is missing, as the beginning of a sentence. */
function missingBy(error: pg.DatabaseError, code: keyof typeof missing): string {
  const { what, said } = missing[code];
  const fields = namesOf(error);
  const found = said.exec(error.message)?.slice(1).filter(Boolean) ?? [];
  // Of a column the server says first which it is, then of which table.
  const name = (fields.length > 0 ? fields : found.reverse()).join('.');
  return name === '' ? `A ${what} that is needed` : `The ${what} ${name}`;
}

const missing = {
  '42P01': { what: 'table', said: /^relation "([^"]+)" does not exist$/ },
  '42703': { what: 'column', said: /^column "?([^" ]+|(?<=")[^"]+)"?(?: of relation "([^"]+)")? does not exist$/ },
  '3F000': { what: 'schema', said: /^schema "([^"]+)" does not exist$/ },
} as const;

function unreachable(side: Side): FailureType {
  return side === 'legacy' ? 'legacy_unreachable' : 'cube_unreachable';
}

function objectOf(error: pg.DatabaseError): string {
  const found = namesOf(error);
  return found.length === 0 ? '' : ` on ${found.join('.')}`;
}

function namesOf({ schema, table, column, constraint }: pg.DatabaseError): string[] {
  return [schema, table, column, constraint].filter((name) => name !== undefined);
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EACCES',
]);
const driverMessages = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
  'Client has encountered a connection error',
  'Client was closed',
  'Connection ended',
  'Cannot use a pool after calling end',
  'not queryable',
];

function isConnectionLoss(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isConnectionLoss);
  if (!(error instanceof Error)) return false;
  return networkCodes.has(codeOf(error)) || driverMessages.some((message) => error.message.includes(message));
}

function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error ? codeOf(first) : '';
  return code === '' ? '' : ` (${code})`;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
