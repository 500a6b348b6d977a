import type { Command } from 'commander';
import type { AuditCheckAnswer, AuditPage } from '../api/audit.js';
import type { AuditEntry, BrokenReason } from '../domain/audit.js';
import type { Connect } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output, table } from './output.js';
import { wholeNumber } from './whole-number.js';

const sentences: Readonly<Record<BrokenReason, string>> = {
  changed: 'is not as it was written',
  missing_before: 'does not follow the entry before it: some are missing',
  anchor_differs: 'is not the one that the anchor names: the audit was written anew',
  anchor_missing: 'is gone: the end of the audit was cut off',
};

export function registerAuditCommands(program: Command, output: Output, connect: Connect): void {
  const audit = program.command('audit').description('who changed what');

  audit
    .command('list')
    .description('the newest entries')
    .option('--limit <count>', 'how many, up to 1000', wholeNumber(1, 1000), 20)
    .option('--json', 'as one JSON document')
    .action((options: { limit: number; json?: boolean }) =>
      conclude(async () => {
        const { items } = await connect().call<AuditPage>('GET', `/v1/audit?limit=${options.limit}`);
        if (options.json) output.json(items);
        else {
          const rows = items.map((entry) => [
            String(entry.seq),
            entry.at,
            who(entry),
            entry.action,
            entry.subject,
            outcomeOf(entry),
            describeDetails(entry.details),
          ]);
          output.print(table([['SEQ', 'AT', 'WHO', 'WHAT', 'OF', 'OUTCOME', 'DETAILS'], ...rows]));
        }
        return exitCodes.done;
      }),
    );

  audit
    .command('check')
    .description('check that no entry of the audit was changed or removed')
    .option('--anchor <seq:hash>', 'an entry that an earlier check printed')
    .option('--json', 'as one JSON document')
    .action((options: { anchor?: string; json?: boolean }) =>
      conclude(async () => {
        const query = options.anchor === undefined ? '' : `?anchor=${encodeURIComponent(options.anchor)}`;
        const check = await connect().call<AuditCheckAnswer>('GET', `/v1/audit/check${query}`);
        if (options.json) output.json(check);
        else output.print(describeCheck(check));
        return check.intact ? exitCodes.done : exitCodes.mismatch;
      }),
    );
}

/** The token's holder, and who the client says it was. */
export function who({
  actor,
  details: { claimed_by: claimed, os_user: osUser },
}: Pick<AuditEntry, 'actor' | 'details'>): string {
  const says = [claimed, osUser === undefined ? undefined : `OS user ${osUser}`].filter((one) => one !== undefined);
  return says.length === 0 ? actor : `${actor} (says: ${says.join(', ')})`;
}

/** Shown in a column of their own, or of use to a program alone: `--json` has them. */
const shownElsewhere: readonly string[] = ['claimed_by', 'os_user', 'outcome', 'once', 'token_sha256'];

/** What was changed, as `percentage 10 (was 0), why "a try"`: each setting with its value, and with the former one where it differs. */
export function describeDetails({ was, ...details }: Readonly<Record<string, unknown>>): string {
  const former = Object.entries(Object(was) as Record<string, unknown>).flatMap(([name, value]) =>
    settings(name, value),
  );
  return Object.entries(details)
    .filter(([name]) => !shownElsewhere.includes(name))
    .flatMap(([name, value]) => settings(name, value))
    .map(([path, value]) => {
      const [, before = value] = former.find(([other]) => other === path) ?? [];
      return `${path} ${value}${before === value ? '' : ` (was ${before})`}`;
    })
    .join(', ');
}

/** Each setting below a path, by its own path; none for a value that is empty. */
function settings(path: string, value: unknown): readonly (readonly [path: string, value: string])[] {
  if (value === null || value === '') return [];
  if (typeof value !== 'object') return [[path, shortWord(value)]];
  if (Array.isArray(value)) return value.length === 0 ? [] : [[path, value.map(shortWord).join(' ')]];
  return Object.entries(value).flatMap(([name, one]) => settings(`${path}.${name}`, one));
}

/** A text of several words is in quotes, so that it is seen where it ends. */
function shortWord(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Plans record what they did or received themselves; where any other act has no recorded outcome, the outcome is unknown. */
function outcomeOf({ actor, action, outcome }: AuditEntry): string {
  if (outcome !== undefined) return outcome.reason === undefined ? outcome.what : `${outcome.what}: ${outcome.reason}`;
  return actor === 'temporal' || action.startsWith('plan.') ? '-' : 'unknown';
}

function describeCheck({ entries, head, broken }: AuditCheckAnswer): string {
  if (broken !== null) return `entry ${broken.seq} ${sentences[broken.reason]}`;
  const anchor = head === null ? '' : `; the newest is ${head.seq}:${head.hash}`;
  return `all ${entries} entries are as they were written${anchor}`;
}
