/** How a person has to type this program's name: only `npx` knows it in a clone, and a shell where it is installed. */
type Called = 'cubeshift' | 'npx cubeshift';

/** How this process was called: npm leaves what `npx` was given to run. */
export function calledAs(environment: NodeJS.ProcessEnv): Called {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script = '' } = environment;
  return event === 'npx' && /^['"]?cubeshift\b/.test(script) ? 'npx cubeshift' : 'cubeshift';
}

/** Text for a person, with each command of this program in it as it can be typed where this process was called. */
export function asTyped(text: string, called: Called = calledAs(process.env)): string {
  return called === 'cubeshift' ? text : text.replaceAll(command, called);
}

/** At the start of a line, behind the mark of a next step, in backticks or in a shell's parentheses. */
const command = /(?<=^ {0,8}|[`(]|^next: |^variables {8})cubeshift(?= [a-z_-])/gm;
