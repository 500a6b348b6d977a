import type { Argument, Command, Option } from 'commander';

/** A word that may come next, and what it does. */
export interface Candidate {
  readonly word: string;
  readonly text: string;
}

/** What fits where words are not the tree's own: values, or the names of files. */
export type Fitting = readonly Candidate[] | 'files';

/** Values of an argument or of an option, by its name; `before` are the arguments before it. */
export type ValuesOf = (command: Command, name: string, before: readonly string[]) => Promise<Fitting>;

/** What may come in place of the last of `words`, which follow the program's name. Knows the tree of commands alone. */
export async function candidatesFor(program: Command, words: readonly string[], valuesOf: ValuesOf): Promise<Fitting> {
  const prefix = words.at(-1) ?? '';
  const { command, given, awaiting, rest } = read(program, words.slice(0, -1));
  const fitting = await fittingOf();
  return fitting === 'files' ? fitting : fitting.filter(({ word }) => word.startsWith(prefix));

  async function fittingOf(): Promise<Fitting> {
    if (awaiting !== undefined && !(awaiting.variadic && prefix.startsWith('-'))) return ofOption(awaiting, '');
    const [, named, sign] = /^(--[\w-]+)(=)/.exec(prefix) ?? [];
    if (named !== undefined && !rest) {
      const option = optionsOf(command).find(({ long }) => long === named);
      return option === undefined ? [] : ofOption(option, `${named}${sign}`);
    }
    if (prefix.startsWith('-') && !rest) return optionWords(command);
    if (command.commands.length > 0) return given.length > 0 ? [] : commandWords(command);
    const { registeredArguments } = command;
    const argument = registeredArguments[given.length] ?? lastVariadic(registeredArguments);
    return argument === undefined ? optionWords(command) : ofArgument(argument);
  }

  async function ofOption(option: Option, before: string): Promise<Fitting> {
    const fitting = option.argChoices?.map(plainWord) ?? (await valuesOf(command, option.long ?? '', given));
    return fitting === 'files' ? fitting : fitting.map(({ word, text }) => ({ word: `${before}${word}`, text }));
  }

  function ofArgument(argument: Argument): Fitting | Promise<Fitting> {
    return argument.argChoices?.map(plainWord) ?? valuesOf(command, argument.name(), given);
  }
}

interface Position {
  readonly command: Command;
  /** Arguments of the command. */
  readonly given: readonly string[];
  /** An option whose value comes next. */
  readonly awaiting: Option | undefined;
  /** Whether `--` has ended the options. */
  readonly rest: boolean;
}

function read(program: Command, words: readonly string[]): Position {
  let command = program;
  const given: string[] = [];
  let awaiting: Option | undefined;
  let rest = false;
  for (const word of words) {
    if (awaiting !== undefined && !word.startsWith('-')) {
      if (!awaiting.variadic) awaiting = undefined;
    } else if (rest) given.push(word);
    else if (word === '--') [rest, awaiting] = [true, undefined];
    else if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ short, long }) => word === short || word === long);
      awaiting = option?.required || option?.optional ? option : undefined;
    } else {
      const child: Command | undefined =
        given.length === 0 ? command.commands.find((one) => one.name() === word) : undefined;
      if (child === undefined) given.push(word);
      else command = child;
    }
  }
  return { command, given, awaiting, rest };
}

/** The options of a command and of those above it, as commander takes them. */
function optionsOf(command: Command): readonly Option[] {
  const above = command.parent === null ? [] : optionsOf(command.parent);
  return [...command.options, ...above].filter(({ hidden, long }) => !hidden && long !== '--version');
}

function optionWords(command: Command): readonly Candidate[] {
  const own = optionsOf(command).map(({ long, description }) => ({ word: long ?? '', text: description }));
  return [...own, { word: '--help', text: 'show the help of this command' }];
}

function commandWords(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ word: child.name(), text: child.description() }));
}

function lastVariadic(declared: readonly Argument[]): Argument | undefined {
  const last = declared.at(-1);
  return last?.variadic ? last : undefined;
}

function plainWord(word: string): Candidate {
  return { word, text: '' };
}
