/** The parts of an evidence report that the demo shows. */
interface Report {
  readonly report: {
    readonly migration: {
      readonly workflow_id: string;
      readonly run_id: string;
      readonly status: string;
      readonly progress: { readonly migrated: number; readonly rejected: number };
      readonly started_at: string;
      readonly finished_at: string;
    };
    readonly batches: readonly {
      readonly pillars_do_not_fit: number;
      readonly bytes: number;
      readonly first_commit: string;
      readonly last_commit: string;
    }[];
    readonly rejects: readonly { readonly reason: string; readonly rows: number }[];
    readonly verifications: readonly {
      readonly status: string;
      readonly source_rows: number;
      readonly target_rows: number;
      readonly rejected_rows: number;
      readonly mismatched: number;
      readonly source_digest: string;
      readonly target_digest: string;
      readonly started_at: string;
      readonly finished_at: string;
    }[];
  };
}

const count = new Intl.NumberFormat('en');

/** A migration's evidence on one screen. `env` is what `cubeshift env --json` printed. */
export function describeReport(document: unknown, env: unknown): string {
  const { migration, batches, rejects, verifications } = (document as Report).report;
  const { TEMPORAL_UI_URL: ui, TEMPORAL_NAMESPACE: namespace } = env as Readonly<Record<string, string>>;
  const { migrated, rejected } = migration.progress;
  const copySeconds = secondsBetween(
    earliest(batches.map((batch) => batch.first_commit)),
    latest(batches.map((batch) => batch.last_commit)),
  );
  const warned = batches.reduce((sum, batch) => sum + batch.pillars_do_not_fit, 0);
  const verification = verifications.at(-1);
  const lines: [string, string][] = [
    ['migration', `${migration.workflow_id}: ${migration.status}`],
    [
      'moved',
      `${count.format(migrated)} rows, of which ${count.format(warned)} have pillars that do not fit their date`,
    ],
    ['rejected', `${count.format(rejected)} rows`],
    ...byReason(rejects).map(([reason, rows]): [string, string] => ['', `${count.format(rows).padStart(9)} ${reason}`]),
    ['time', `${secondsBetween(migration.started_at, migration.finished_at).toFixed(1)} s from start to complete`],
    ['rate', `${count.format(Math.round((migrated + rejected) / Math.max(0.1, copySeconds)))} rows/s while copying`],
  ];
  if (verification !== undefined) {
    const { status, source_rows, target_rows, rejected_rows, mismatched, source_digest, target_digest } = verification;
    const seconds = secondsBetween(verification.started_at, verification.finished_at).toFixed(1);
    lines.push(
      [
        'verified',
        `${status}: every field of ${count.format(source_rows)} rows of legacy and ${count.format(target_rows)} of the cube`,
      ],
      [
        '',
        `compared in ${seconds} s, ${count.format(rejected_rows)} rejects left out, ${count.format(mismatched)} rows differ`,
      ],
      ['digests', `legacy ${source_digest}`],
      ['', `cube   ${target_digest}`],
    );
  }
  if (ui !== undefined) {
    const workflow = encodeURIComponent(migration.workflow_id);
    lines.push(['Web UI', `${ui}/namespaces/${namespace}/workflows/${workflow}/${migration.run_id}/history`]);
  }
  return lines.map(([name, text]) => `${name.padEnd(10)} ${text}`.trimEnd()).join('\n');
}

/** What the demo leaves behind. */
export const farewell = [
  'The stack stays up to be looked at; the next demo starts afresh.',
  'stop it    CUBESHIFT_HOME=.cubeshift/demo npx cubeshift down --purge',
].join('\n');

function byReason(rejects: Report['report']['rejects']): readonly [string, number][] {
  const sums = new Map<string, number>();
  for (const { reason, rows } of rejects) sums.set(reason, (sums.get(reason) ?? 0) + rows);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

function earliest(times: readonly string[]): string {
  return [...times].sort()[0] ?? '';
}

function latest(times: readonly string[]): string {
  return [...times].sort().at(-1) ?? '';
}
