import { Failure } from '../../../base/failures.js';
import type { NextCommand } from '../../../domain/next-command.js';

/** The refusal of a request that does not fit now, with the actions that do. */
export function notPossible(sentence: string, actions: readonly string[]): Failure {
  const hint = actions.length === 0 ? 'It accepts no further commands.' : `Possible now: ${actions.join(', ')}.`;
  return new Failure('not_at_this_stage', sentence, { hint, details: { actions } });
}

/** Throws what `call` throws; where that names actions that are possible now, its hint names the commands to type for them. */
export async function hintingCommands<T>(
  commandsOf: (actions: readonly string[]) => readonly NextCommand[],
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Failure && error.type === 'not_at_this_stage' && Array.isArray(error.details.actions)))
      throw error;
    const { message, safe, details } = error;
    const commands = commandsOf(error.details.actions.map(String));
    if (commands.length === 0) throw error;
    throw new Failure('not_at_this_stage', message, { safe, hint: hintOf('Possible now', commands), details });
  }
}

/** One sentence that names commands to type. */
export function hintOf(title: string, commands: readonly NextCommand[]): string {
  return `${title}: ${commands.map(({ command }) => `\`${command}\``).join(', ')}.`;
}
