export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

export interface Stage {
  readonly name: string;
  /** An image, or an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile. ARGs before the first stage are put in; there are no others, and no continued lines. */
export function parseDockerfile(text: string): readonly Stage[] {
  const defaults = new Map<string, string>();
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, word = '', rest = ''] = /^([A-Z]+) (.*[^\\])$/.exec(line) ?? [];
    if (word === 'FROM') {
      const [, from = '', name = ''] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
      stages.push({ name, from: from.replace(/\$\{(\w+)\}/, (_, arg) => defaults.get(arg) ?? ''), instructions: [] });
    } else if (word === 'ARG' && stages.length === 0) {
      const [name = '', value = ''] = rest.split('=');
      defaults.set(name, value);
    } else if (word === '') throw new Error(`not a line that these tests can read: ${line}`);
    else stages.at(-1)?.instructions.push({ word, rest });
  }
  return stages;
}
