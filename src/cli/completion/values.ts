import type { Command } from 'commander';
import type { MigrationList } from '../../api/migrations.js';
import type { ModelPage } from '../../api/models.js';
import { endedStatuses, isMigrationId } from '../../domain/migration/migration.js';
import { knownPermissions } from '../../domain/permissions.js';
import { programsLoggingSince } from '../../state/logs.js';
import { createControlClient } from '../control-client.js';
import { currentHome } from '../current-stack.js';
import { offeredWords } from '../known-words.js';
import type { Candidate, Fitting } from './candidates.js';

/** How long the control API may take: a person who presses a key waits for it. */
const answerMillis = 400;

/** Commands that only read: they complete the ids of migrations that have ended too. */
const readingCommands: readonly string[] = ['status', 'watch', 'report', 'rejects', 'events'];

/** Values that are known only now, or to the catalogue. Throws where what would know them is away. */
export async function liveValues(command: Command, name: string, before: readonly string[]): Promise<Fitting> {
  const words = offeredWords(command, name);
  if (words !== undefined) return plainWords(words);
  switch (name) {
    case 'id':
      return migrationIds(readingCommands.includes(command.name()));
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
    .filter(({ id, status }) => isMigrationId(id) && (endedToo || !endedStatuses.has(status)))
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
