import type { Command } from 'commander';

/** One line a command to type, as `--help` shows it: by the words that name the command. */
const examples: Readonly<Record<string, string>> = {
  '': 'cubeshift up --detach',
  up: 'cubeshift up --detach --records 20000',
  down: 'cubeshift down --purge',
  env: 'eval "$(cubeshift env)"',
  ps: 'cubeshift ps --json',
  status: 'cubeshift status',
  logs: 'cubeshift logs control --follow',
  doctor: 'cubeshift doctor',
  check: 'cubeshift check',
  migrate: 'cubeshift migrate start saju-records --id first --wait',
  'migrate start': 'cubeshift migrate start saju-records --id first --option lanes=4 --wait',
  'migrate list': 'cubeshift migrate list',
  'migrate status': 'cubeshift migrate status first',
  'migrate events': 'cubeshift migrate events first',
  'migrate watch': 'cubeshift migrate watch first',
  'migrate verify': 'cubeshift migrate verify first --wait',
  'migrate repair': 'cubeshift migrate repair first --wait',
  'migrate pause': 'cubeshift migrate pause first',
  'migrate resume': 'cubeshift migrate resume first --wait',
  'migrate cancel': 'cubeshift migrate cancel first',
  'migrate cutover': 'cubeshift migrate cutover first --dry-run',
  'migrate rollback': 'cubeshift migrate rollback first --wait',
  'migrate complete': 'cubeshift migrate complete first --wait',
  'migrate rejects': 'cubeshift migrate rejects first --reason date_invalid --export dates.csv --show-contents',
  'migrate files-without-rows': 'cubeshift migrate files-without-rows paper --limit 20',
  'migrate report': 'cubeshift migrate report first > report.json',
  token: 'cubeshift token --cube-id saju-cube --permissions migration:read,saju:call',
  report: 'cubeshift report verify report.json',
  'report verify': 'cubeshift report verify report.json',
  secret: 'cubeshift secret change',
  'secret change': 'cubeshift secret change --forget-former',
  cubes: 'cubeshift cubes list',
  'cubes list': 'cubeshift cubes list',
  'cubes status': 'cubeshift cubes status saju-cube',
  'cubes deploy': 'cubeshift cubes deploy saju-cube 1.1 --wait',
  'cubes restart': 'cubeshift cubes restart saju-cube --wait',
  'cubes scale': 'cubeshift cubes scale saju-cube 3 --wait',
  'cubes rollback': 'cubeshift cubes rollback saju-cube --wait',
  models: 'cubeshift models list',
  'models list': 'cubeshift models list',
  'models versions': 'cubeshift models versions korean-reviews --json',
  'models activate': 'cubeshift models activate korean-reviews 7',
  'models rollback': 'cubeshift models rollback korean-reviews',
  blobs: 'cubeshift blobs sweep --dry-run',
  'blobs sweep': 'cubeshift blobs sweep --dry-run',
  'blobs move': 'cubeshift blobs move s3://heal7/contents',
  release: 'cubeshift release add saju-cube 1.1 -- node saju-1.1.js',
  'release add': 'cubeshift release add saju-cube 1.1 --env LOG_LEVEL=debug -- node saju-1.1.js',
  'release list': 'cubeshift release list saju-cube',
  audit: 'cubeshift audit list',
  'audit list': 'cubeshift audit list --limit 100',
  'audit check': 'cubeshift audit check',
  traffic: 'cubeshift traffic get saju',
  'traffic get': 'cubeshift traffic get saju',
  'traffic set': "cubeshift traffic set saju 0 --why 'errors at the cube'",
  'traffic ramp': 'cubeshift traffic ramp saju --steps 1,5,10,25,50,100',
  'traffic stop': 'cubeshift traffic stop saju',
  completion: 'eval "$(cubeshift completion bash)"',
  __complete: 'cubeshift __complete -- migrate st',
};

/** Ends the help of every command below `program`, and its own, with an example. */
export function addExamples(program: Command, commands: readonly Command[]): void {
  for (const command of [program, ...commands])
    command.addHelpText('after', () => `\nExample:\n  ${exampleOf(command)}`);
}

function exampleOf(command: Command): string {
  const words = wordsOf(command);
  if (command.name() !== 'help') return examples[words.join(' ')] ?? '';
  return ['cubeshift', ...words, command.parent?.commands[0]?.name()].join(' ');
}

/** The words that name a command, without the program's own. */
export function wordsOf(command: Command): readonly string[] {
  return command.parent === null ? [] : [...wordsOf(command.parent), command.name()];
}
