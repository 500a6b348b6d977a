import type { Command } from 'commander';
import { Failure } from '../base/failures.js';
import { nearWord } from '../base/near-word.js';
import { setVariables } from '../config/configuration.js';
import { variableNames } from '../config/variables.js';
import { contractKinds, migrationKinds } from '../domain/catalog.js';
import { cubeDefinitions, cubeIds, trafficNames } from '../domain/cubes.js';

/** As the control API takes them: the name of the flags, or the id of a cube that has one. */
const trafficCubes: readonly string[] = [
  ...trafficNames,
  ...cubeDefinitions.flatMap(({ cubeId, trafficName }) => (trafficName === null ? [] : [cubeId])),
];

/** The words that an argument of a command takes, where the catalogue knows them all. */
export function knownWords(command: Command, argument: string): readonly string[] | undefined {
  if (argument === 'kind') return contractKinds;
  if (argument === 'cube') return ofTraffic(command) ? trafficCubes : cubeIds;
  return undefined;
}

/** Of those, the ones that this version can do something with, each once. */
export function offeredWords(command: Command, argument: string): readonly string[] | undefined {
  if (argument === 'kind') return migrationKinds;
  return argument === 'cube' && ofTraffic(command) ? trafficNames : knownWords(command, argument);
}

function ofTraffic(command: Command): boolean {
  return command.parent?.name() === 'traffic';
}

/** Lets the commands refuse kinds and cubes that do not exist, with the near one, before they call anything. */
export function checkKnownWords(commands: readonly Command[]): void {
  for (const command of commands)
    for (const argument of command.registeredArguments) {
      const words = knownWords(command, argument.name());
      if (words === undefined) continue;
      argument.argParser((word) => {
        if (words.includes(word)) return word;
        const offered = offeredWords(command, argument.name()) ?? words;
        // This version cannot move a kind of a later one.
        const near = nearWord(word, argument.name() === 'kind' ? offered : words);
        throw new Failure('invalid_input', `There is no ${argument.name()} ${word}.`, {
          hint: `${near === undefined ? '' : `Did you mean ${near}? `}The ${argument.name()}s are ${offered.join(', ')}.`,
        });
      });
    }
}

/** A sentence for each variable that is set under a name which no program reads, and which is nearly that of one. */
export function misspelledVariables(environment: NodeJS.ProcessEnv): readonly string[] {
  const set: readonly string[] = setVariables(environment);
  const unset = variableNames.filter((name) => !set.includes(name) && environment[name] === undefined);
  return Object.keys(environment).flatMap((name) => {
    if (name.length < 8 || variableNames.some((known) => known === name)) return [];
    const near = nearWord(
      name,
      unset.filter((known) => Math.abs(known.length - name.length) < 2),
    );
    return near === undefined ? [] : [`${name} is set, and no program reads it; did you mean ${near}?`];
  });
}
