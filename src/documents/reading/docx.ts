import mammoth from 'mammoth';
import type { DocumentTable } from '../page-content.js';
import { libraryVersion } from './library-version.js';
import { type ReadableDocument, readAlready } from './readable-document.js';

/** An element of a document as mammoth gives it to a transformation. */
interface Element {
  readonly type: string;
  readonly value?: string;
  readonly children?: readonly Element[];
  readonly colSpan?: number;
  readonly notes?: { resolve?: unknown; _notes?: Readonly<Record<string, { readonly body: readonly Element[] }>> };
}

/** The text of a document with its tables and notes, as one page: where its pages end only a word processor knows. */
export async function openDocxText(content: Buffer): Promise<ReadableDocument> {
  const document = await readElements(content);
  const notes = Object.values(document.notes?._notes ?? {}).map(({ body }) => body.map(textOf).join(''));
  const text = [textOf(document), ...notes]
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  return readAlready(libraryVersion('mammoth'), [{ text }]);
}

/** The tables of a document, those in cells after the one that they are in. */
export async function openDocxTables(content: Buffer): Promise<ReadableDocument> {
  return readAlready(libraryVersion('mammoth'), [{ tables: [...tablesIn(await readElements(content))] }]);
}

/** Links are followed nowhere: no file and no address that the document names is opened. */
async function readElements(content: Buffer): Promise<Element> {
  let document: Element | undefined;
  await mammoth.convertToHtml(
    { buffer: content },
    {
      externalFileAccess: false,
      // Pictures are of no use here.
      convertImage: mammoth.images.imgElement(async () => ({ src: '' })),
      transformDocument: (element: Element) => {
        document = element;
        return { ...element, children: [] };
      },
    },
  );
  if (document === undefined) throw new Error('mammoth gave no document.');
  return document;
}

function textOf(element: Element): string {
  const inside = () => (element.children ?? []).map(textOf).join('');
  switch (element.type) {
    case 'text':
      return element.value ?? '';
    case 'tab':
      return '\t';
    case 'break':
      return '\n';
    case 'paragraph':
      return `${inside()}\n`;
    case 'tableRow':
      return `${(element.children ?? []).map(cellText).join('\t')}\n`;
    default:
      return inside();
  }
}

function cellText(cell: Element): string {
  return (cell.children ?? []).map(textOf).join('').trim();
}

function* tablesIn(element: Element): Generator<DocumentTable> {
  if (element.type === 'table') yield { name: null, rows: (element.children ?? []).map(rowOf) };
  for (const child of element.children ?? []) yield* tablesIn(child);
}

/** A cell over several columns is followed by empty ones, so that columns stay in line. */
function rowOf(row: Element): readonly string[] {
  return (row.children ?? []).flatMap((cell) => [cellText(cell), ...Array<string>((cell.colSpan ?? 1) - 1).fill('')]);
}
