import { Failure, toFailure } from '../base/failures.js';
import { foldersNotApartFromStore } from './separate-folders.js';
import { s3Place } from './storage-place.js';
import type { Reader } from './variable.js';
import {
  type Configuration,
  type ConfigurationOf,
  type VariableName,
  variableNames,
  variablesOf,
  variableTable,
} from './variables.js';

/** Nothing else in `src` reads a variable of the table: all problems of a program's environment are reported at once. */

/** The variables of a process; undefined where one is not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One of these without the others is of no use. */
const pairs: readonly (readonly VariableName[])[] = [
  ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'],
  ['CUBE_STORAGE_ACCESS_KEY', 'CUBE_STORAGE_SECRET_KEY'],
];

/** Without these a store at an S3 server cannot be opened. */
const neededByS3: readonly VariableName[] = [
  'CUBE_STORAGE_ENDPOINT',
  'CUBE_STORAGE_ACCESS_KEY',
  'CUBE_STORAGE_SECRET_KEY',
];

/**
 * Reads the named variables. Throws one `configuration_invalid` failure that lists every problem, one sentence each;
 * values never appear in it.
 */
export function readConfiguration<Name extends VariableName>(
  environment: Environment,
  names: readonly Name[],
): Pick<Configuration, Name> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const { text, parse, fallback, elsewhere } = variableTable[name];
    const source = environment[name] || elsewhere === undefined ? name : elsewhere;
    const raw = environment[source];
    if (raw === undefined || raw === '') {
      if (fallback === undefined) problems.push(`${name} is not set (${text}).`);
      values[name] = fallback;
      continue;
    }
    try {
      values[name] = parse(raw);
    } catch (error) {
      problems.push(`${source} ${error instanceof Error ? error.message : 'is not valid'} (${text}).`);
    }
  }
  if (names.some((name) => name === 'CUBE_STORAGE_URL')) problems.push(...missingForS3(environment));
  problems.push(...incompletePairs(environment, names, problems));
  if (problems.length > 0) throw new Failure('configuration_invalid', problems.join('\n'));
  if (names.some((name) => name === 'CUBE_STORAGE_URL')) checkStoreApart(environment);
  return values as Pick<Configuration, Name>;
}

/** Contents of the store would be files of legacy's, and a sweep of the store would look among those. */
function checkStoreApart(environment: Environment): void {
  const met = foldersNotApartFromStore(environment);
  if (met.length === 0) return;
  const folders = met.join(' and of ');
  throw new Failure(
    'configuration_invalid',
    `CUBE_STORAGE_URL must be a folder apart from that of ${folders}: it lies inside, holds it, or is the same.`,
    {
      safe: 'Nothing was started, and nothing was written to any of these folders.',
      hint: `Set CUBE_STORAGE_URL to a folder that neither lies in that of ${folders} nor holds it, then start again.`,
    },
  );
}

/** A sentence for each variable that is missing for the store that the environment names. */
function missingForS3(environment: Environment): readonly string[] {
  if (s3Place(environment.CUBE_STORAGE_URL ?? '') === undefined) return [];
  return neededByS3
    .filter((name) => !environment[name])
    .map((name) => `${name} is not set (${variableTable[name].text}).`);
}

/** A sentence for each pair of which only a part is set; a part that is wrong has a sentence already. */
function incompletePairs(
  environment: Environment,
  names: readonly VariableName[],
  problems: readonly string[],
): readonly string[] {
  const incomplete = pairs.filter((pair) => {
    const isRead = pair.some((name) => names.includes(name));
    const isReported = problems.some((problem) => pair.some((name) => problem.startsWith(`${name} `)));
    return isRead && !isReported && new Set(pair.map((name) => Boolean(environment[name]))).size > 1;
  });
  return incomplete.map((pair) => `${pair.join(' and ')} are needed together.`);
}

/**
 * What these programs read, at a program's start: a wrong environment ends the process with code 2 and a sentence for each
 * variable.
 */
export function configureOrExit<R extends Reader>(
  readers: readonly R[],
  environment: Environment = process.env,
): ConfigurationOf<R> {
  try {
    return readConfiguration(environment, variablesOf(...readers));
  } catch (error) {
    return refuseToStart(error);
  }
}

/** Ends the process with code 2 and what is wrong with its environment, what is safe, and what to do. */
export function refuseToStart(error: unknown): never {
  const { message, safe, hint } = toFailure(error);
  process.stderr.write(`${[message, safe, hint].join('\n')}\n`);
  process.exit(2);
}

/** The variables that are set and that some program reads. */
export function setVariables(environment: Environment): readonly VariableName[] {
  return variableNames.filter((name) => variableTable[name].readers.length > 0 && environment[name]);
}

/** Checks every variable that is set, for a program that passes them on to others. Throws as `readConfiguration` does. */
export function checkVariables(environment: Environment): void {
  readConfiguration(environment, setVariables(environment));
}
