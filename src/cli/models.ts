import type { Command } from 'commander';
import type { Comparison } from '../domain/models/comparison/comparison.js';
import type { ModelVersionView, ModelView } from '../domain/models/model-views.js';
import type { Connect, ControlClient } from './control-client.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output, table } from './output.js';
import { wholeNumber } from './whole-number.js';

interface AsJson {
  readonly json?: boolean;
}

/** `cubeshift models …`: the AI models of the cube and which of their versions predicts. */
export function registerModelCommands(program: Command, output: Output, connect: Connect): void {
  const models = program.command('models').description('list AI models of the cube, activate versions and roll back');

  models
    .command('list')
    .description('list the models in the cube, with the version that predicts')
    .option('--json', 'as JSON')
    .action((options: AsJson) =>
      conclude(async () => {
        const items = await everyItem<ModelView>(connect(), '/v1/models');
        if (options.json) output.json(items);
        else if (items.length === 0) output.talk('There is no model in the cube yet.');
        else output.print(table([['MODEL', 'ACTIVE', 'VERSION', 'FORM', 'VERSIONS'], ...items.map(modelRow)]));
        return exitCodes.done;
      }),
    );

  models
    .command('versions <model>')
    .description('list the versions of a model, the newest first, each with its comparison')
    .option('--json', 'as JSON')
    .action((model: string, options: AsJson) =>
      conclude(async () => {
        const items = await everyItem<ModelVersionView>(connect(), pathOf(model, 'versions'));
        if (options.json) output.json(items);
        else output.print(table([versionHead, ...items.map(versionRow)], output.columns));
        return exitCodes.done;
      }),
    );

  models
    .command('activate')
    .description('have a version predict that has passed its comparison with legacy')
    .argument('<model>')
    .argument('<version-id>', 'as `models versions` lists it', wholeNumber(1))
    .option('--json', 'as JSON')
    .action((model: string, versionId: number, options: AsJson) =>
      conclude(async () => {
        const body = { version_id: versionId };
        show(await connect().call<ModelView>('POST', pathOf(model, 'activate'), body), options, output);
        return exitCodes.done;
      }),
    );

  models
    .command('rollback <model>')
    .description('bring back the version that was active before')
    .option('--json', 'as JSON')
    .action((model: string, options: AsJson) =>
      conclude(async () => {
        show(await connect().call<ModelView>('POST', pathOf(model, 'rollback')), options, output);
        return exitCodes.done;
      }),
    );
}

function pathOf(model: string, what: 'versions' | 'activate' | 'rollback'): string {
  return `/v1/models/${encodeURIComponent(model)}/${what}`;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

/** All pages of a listing. */
async function everyItem<Item>(client: ControlClient, path: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let query = '?limit=1000'; ; ) {
    const page = await client.call<Page<Item>>('GET', `${path}${query}`);
    items.push(...page.items);
    if (page.next_cursor === null) return items;
    query = `?limit=1000&cursor=${page.next_cursor}`;
  }
}

function modelRow({ name, active, versions }: ModelView): readonly string[] {
  return [
    name,
    active === null ? 'none' : String(active.id),
    active?.version ?? '–',
    active?.form ?? '–',
    String(versions),
  ];
}

const versionHead = ['ID', 'STATE', 'VERSION', 'FORM', 'IMPORTED', 'SHA-256', 'COMPARISON'];

function versionRow({ id, state, version, form, imported_at: at, sha256, comparison, reason }: ModelVersionView) {
  return [
    id === null ? '–' : String(id),
    state ?? '–',
    version ?? '–',
    form ?? '–',
    at?.slice(0, 19).replace('T', ' ') ?? '–',
    sha256?.slice(0, 12) ?? '–',
    comparison === null ? (reason ?? 'none') : comparisonText(comparison),
  ];
}

/** What decided, in one line: decision, rows, accuracy of both sides and the bound. */
function comparisonText({ decision, n, legacy, cube, bound, limit, rows_needed: needed, detail }: Comparison): string {
  const parts = [`${decision}, ${n} rows`];
  if (legacy.accuracy !== null && cube.accuracy !== null)
    parts.push(`accuracy ${percent(legacy.accuracy)} in legacy, ${percent(cube.accuracy)} in the cube`);
  if (legacy.mean_absolute_error !== null && cube.mean_absolute_error !== null)
    parts.push(
      `error ${digits(legacy.mean_absolute_error)} in legacy, ${digits(cube.mean_absolute_error)} in the cube`,
    );
  if (bound !== null) parts.push(`bound ${percent(bound)}, limit ${percent(limit)}`);
  if (needed !== null) parts.push(`${needed} rows would do`);
  if (detail !== null) parts.push(detail);
  return parts
    .map((part, index) => (index === 0 ? part : lowerFirst(part)))
    .join('; ')
    .replace(/\.$/, '');
}

/** A sentence as the part of another one. */
function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function digits(value: number): string {
  return value.toPrecision(4);
}

function show(model: ModelView, { json }: AsJson, output: Output): void {
  if (json) output.json(model);
  else if (model.active === null) output.print(`${model.name}: no version is active; legacy predicts`);
  else {
    const { id, version, form } = model.active;
    output.print(`${model.name}: version ${id} (${version ?? 'without a name'}, ${form ?? 'float'}) is active`);
    if (model.former_version_id !== null) output.print(`before it version ${model.former_version_id} was active`);
  }
}
