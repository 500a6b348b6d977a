import type { Command } from 'commander';
import type { MigrationList } from '../../api/migrations.js';
import type { ModelPage } from '../../api/models.js';
import { endedStatuses } from '../../domain/migration/migration.js';
import { knownPermissions } from '../../domain/permissions.js';
import { programsLoggingSince } from '../../state/logs.js';
import { createControlClient } from '../control-client.js';
import { offeredWords } from '../known-words.js';
import { currentHome } from '../stack.js';
import type { Candidate, Fitting } from './candidates.js';

/** How long the control API may take: a person who presses a key waits for it. */
const answerMillis = 400;

/** These only look: a migration that has ended is as good. */
const looking: readonly string[] = ['status', 'watch', 'report', 'rejects', 'events'];

/** What the control API takes for an id: what answers at its place may name anything. */
const migrationId = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Values that are known only now, or to the catalogue. Throws where what would know them is away. */
export async function liveValues(command: Command, name: string, before: readonly string[]): Promise<Fitting> {
  const words = offeredWords(command, name);
  if (words !== undefined) return plainWords(words);
  switch (name) {
    case 'id':
      return migrationIds(looking.includes(command.name()));
    case 'model':
      return modelNames();
    case 'version':
      return plainWords(
        currentHome()
          .releases(before[0])
          .map(({ version }) => version),
      );
    case 'name':
      return plainWords([...programsLoggingSince(currentHome().fileOf('logs'), 0)].sort());
    case '--permissions':
      return plainWords(knownPermissions);
    case '--enabled':
      return plainWords(['true', 'false']);
    case 'file':
    case 'command':
    case 'args':
      return 'files';
    default:
      return [];
  }
}

async function migrationIds(endedToo: boolean): Promise<readonly Candidate[]> {
  const { items } = await createControlClient(undefined).call<MigrationList>(
    'GET',
    '/v1/migrations',
    undefined,
    answerMillis,
  );
  return items
    .filter(({ id, status }) => migrationId.test(id) && (endedToo || !endedStatuses.has(status)))
    .map(({ id, kind, status, stage }) => ({ word: id, text: `${kind}, ${status} at ${stage}` }));
}

async function modelNames(): Promise<readonly Candidate[]> {
  const { items } = await createControlClient(undefined).call<ModelPage>(
    'GET',
    '/v1/models?limit=1000',
    undefined,
    answerMillis,
  );
  return items.map(({ name, active }) => ({
    word: name,
    text: active === null ? 'none active' : `version ${active.id} active`,
  }));
}

function plainWords(words: readonly string[]): readonly Candidate[] {
  return words.map((word) => ({ word, text: '' }));
}
