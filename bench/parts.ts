/** The parts of `bench/RESULTS.md`, in their order there; each is written by a run of its own. */
export const parts = [
  'rows',
  'gateway',
  'traffic',
  'ai',
  'moving',
  'files',
  's3',
  'streams',
  'documents',
  'crawler',
] as const;
export type Part = (typeof parts)[number];

/** The document with one part replaced, or put in its place when it was not there; the others stay as they are. */
export function replacePart(document: string, part: Part, text: string): string {
  return parts
    .flatMap((name) => {
      const content = name === part ? text : contentOf(document, name);
      return content === undefined ? [] : [`${begin(name)}\n${content.trim()}\n${end(name)}\n`];
    })
    .join('\n');
}

function contentOf(document: string, part: Part): string | undefined {
  const from = document.indexOf(begin(part));
  const to = document.indexOf(end(part), from);
  return from < 0 || to < 0 ? undefined : document.slice(from + begin(part).length, to);
}

const begin = (part: Part) => `<!-- part: ${part} -->`;
const end = (part: Part) => `<!-- end: ${part} -->`;
