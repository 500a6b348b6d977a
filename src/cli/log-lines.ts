import pretty from 'pino-pretty';
import { oneLine } from './one-line.js';

/**
 * A line of a log as a person reads it: time in UTC, level, what happened, then the fields. What is not of a program of this
 * package, as of PostgreSQL, stays as it is.
 */
export const readableLine: (line: string) => string = ofLine(
  pretty.prettyFactory({
    colorize: false,
    singleLine: true,
    // Whose log it is, the command line says; of what names a request, `request_id` is enough to find its lines.
    ignore: 'pid,hostname,name,trace_id,span_id',
    translateTime: "UTC:yyyy-mm-dd'T'HH:MM:ss.l'Z'",
    // A message may quote what a client sent: the end of a line in it could show a line that there is not.
    messageFormat: (log, messageKey) => oneLine(String(log[messageKey] ?? '')),
  }),
);

function ofLine(format: (line: string) => string): (line: string) => string {
  return (line) => (line.startsWith('{') ? format(line).trimEnd() : line);
}
