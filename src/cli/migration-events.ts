import { setTimeout as sleep } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { Failure } from '../base/failures.js';
import type { MigrationView } from '../domain/migration/migration.js';
import { type ControlClient, migrationPath } from './control-client.js';
import type { Output } from './output.js';

/** An event of a migration, with how the migration is then. */
export interface MigrationEvent {
  readonly name: string;
  readonly view: MigrationView;
}

const againAfterMillis = 500;
const maxAwayMillis = 60_000;

/**
 * The events of a migration until its end, from the control API's stream. A connection that ends, as one does at a restart of
 * the control API, is opened again for a minute; the first event of the new one tells what was missed.
 */
export async function* followEvents(client: ControlClient, id: string, output: Output): AsyncGenerator<MigrationEvent> {
  let lostAt: number | undefined;
  for (;;) {
    try {
      const body = await client.stream(`${migrationPath(id)}/events`);
      const messages = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
      for await (const { event, data } of messages) {
        lostAt = undefined;
        const view = JSON.parse(data) as MigrationView;
        yield { name: event ?? 'progress', view };
        if (event === 'end') return;
      }
    } catch (error) {
      if (error instanceof Failure && !error.retryable) throw error;
      if (lostAt !== undefined && Date.now() - lostAt > maxAwayMillis) throw error;
    }
    if (lostAt === undefined)
      output.talk(`the connection to the control API ended; connecting again for ${maxAwayMillis / 1000} s`);
    lostAt ??= Date.now();
    await sleep(againAfterMillis);
  }
}
