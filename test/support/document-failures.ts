import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import { pdf } from '../../legacy/paperwork/documents/pdf.js';
import { packageRoot } from '../../src/base/package-root.js';
import { defaultDocumentLimits } from '../../src/documents/document-limits.js';
import type { ProcessKind } from '../../src/domain/paperwork/process.js';
import { type ProcessFailureReason, processFailureSentences } from '../../src/domain/paperwork/process-failure.js';
import type { AiServices } from './ai-services.js';
import { until } from './conditions.js';
import type { DocumentsStack } from './documents-stack.js';
import { pdfOf, pngHead, zipBomb } from './hostile-documents.js';
import { pictureOf } from './scanned-text.js';

/** What the test file has that brings documents to a reason. */
export interface FailureStage {
  readonly stack: DocumentsStack;
  readonly ai?: AiServices;
}

/** A document that was requested. */
interface Requested {
  readonly id: number;
  readonly kind: ProcessKind;
}

interface Way {
  /** The test file whose servers and limits it needs. */
  readonly at: 'documents' | 'documents-poisonous' | 'documents-classified';
  readonly bring: (stage: FailureStage) => Promise<Requested>;
}

/** For each reason a way in which a document comes to it, from its upload on: a reason without one is an error of types. */
const ways = {
  type_unsupported: { at: 'documents', bring: upload('picture.png', () => pictureOf(['x']), 'text') },
  content_missing: {
    at: 'documents',
    bring: async ({ stack }) => {
      // An empty folder is one that is away.
      await stack.services.addFile('something.txt', Buffer.from('x'));
      return request(stack, Number(await stack.services.addFile('nothing/there.txt', null)), 'text');
    },
  },
  content_changed: {
    at: 'documents',
    bring: async ({ stack }) => {
      const id = Number(await stack.services.addFile('changing.txt', Buffer.alloc(32 * 1024 * 1024, 'x')));
      const writer = growing(join(stack.services.folder, 'changing.txt'));
      try {
        // It may be read between two changes.
        await until('a content that changes while it is read', async () => {
          await stack.request(id, 'tables');
          return (await stack.reaches(id, 'tables', 'done', 'failed')).reason === 'content_changed';
        });
      } finally {
        await writer.terminate();
      }
      return { id, kind: 'tables' };
    },
  },
  too_large: {
    at: 'documents',
    bring: async ({ stack }) => {
      const id = Number(await stack.services.addFile('large.txt', Buffer.from('x')));
      truncateSync(join(stack.services.folder, 'large.txt'), defaultDocumentLimits.maxFileBytes + 1);
      return request(stack, id, 'text');
    },
  },
  too_many_pages: { at: 'documents', bring: upload('pages.txt', () => '\f'.repeat(3000), 'text') },
  image_too_large: { at: 'documents', bring: upload('large.png', () => pngHead(50_000, 50_000), 'ocr') },
  archive_too_large: { at: 'documents', bring: upload('bomb.docx', () => zipBomb('docx'), 'text') },
  password_protected: { at: 'documents', bring: upload('locked.pdf', lockedPdf, 'text') },
  document_damaged: { at: 'documents', bring: upload('cut.pdf', () => pdf(['쪽'], '제목').subarray(0, 300), 'text') },
  text_unreadable: {
    at: 'documents',
    bring: upload('bytes.txt', () => Buffer.from([0xff, 0x41, 0xff, 0x20, 0x80]), 'text'),
  },
  time_exceeded: {
    at: 'documents-poisonous',
    bring: async ({ stack }) => {
      await stack.worker.end();
      const impatient = join(packageRoot(), 'test', 'support', 'impatient-documents.mjs');
      await stack.worker.begin({ NODE_OPTIONS: `--import=${pathToFileURL(impatient)}` });
      const lines = Array.from({ length: 25 }, (_, at) => `Invoice number ${1000 + at} of the branch in Seoul`);
      return upload('slow.png', () => pictureOf(lines), 'ocr')({ stack });
    },
  },
  memory_exceeded: {
    at: 'documents-poisonous',
    bring: async ({ stack }) => {
      await stack.worker.end();
      await stack.worker.begin({ DOCUMENT_PROCESS_MIB: '160' });
      return upload('picture.png', () => pictureOf(['Invoice number 2042']), 'ocr')({ stack });
    },
  },
  // A decoder that crashes at a picture of which there is nothing but its head.
  crashed: {
    at: 'documents',
    bring: upload('head.png', () => Buffer.concat([pngHead(100, 100), Buffer.alloc(900)]), 'ocr'),
  },
  file_deleted: {
    at: 'documents',
    bring: async ({ stack }) => {
      const id = await stack.upload('deleted.txt', 'x');
      await stack.worker.end();
      await stack.request(id, 'text');
      await stack.services.databases.legacy.query('delete from paperwork_files where id = $1', [id]);
      await stack.worker.begin();
      return { id, kind: 'text' };
    },
  },
  text_missing: { at: 'documents-classified', bring: upload('empty.png', () => pictureOf([]), 'classify') },
  model_missing: {
    at: 'documents-classified',
    bring: async ({ stack, ai }) => {
      await ai?.databases.legacy.query(`delete from ai_models where name = 'korean-documents'`);
      return classifiedOtherwise(stack, 'model_missing');
    },
  },
  model_refused: {
    at: 'documents-classified',
    bring: async ({ stack, ai }) => {
      const withoutText = readFileSync(join(ai?.folder ?? '', 'artifacts', 'sound.onnx'));
      await ai?.addModel('korean-documents', withoutText);
      await ai?.move('korean-documents');
      return classifiedOtherwise(stack, 'model_refused');
    },
  },
  gave_up: {
    at: 'documents',
    bring: async ({ stack }) => {
      const { legacy } = stack.services.databases;
      await legacy.query('alter table paperwork_results rename to results_elsewhere');
      const requested = await upload('refused.txt', () => 'x', 'text')({ stack });
      await stack.reaches(requested.id, requested.kind, 'failed');
      await legacy.query('alter table results_elsewhere rename to paperwork_results');
      return requested;
    },
  },
} as const satisfies Readonly<Record<ProcessFailureReason, Way>>;

/** The reasons to be tested in a file, each with the way to it. */
export function failuresAt(at: Way['at']): readonly (readonly [ProcessFailureReason, Way['bring']])[] {
  return Object.entries<Way>(ways)
    .filter(([, way]) => way.at === at)
    .map(([reason, { bring }]) => [reason as ProcessFailureReason, bring]);
}

/** Waits until a document has failed; its view, the page of its plan and its results have to say so. */
export async function expectFailed(
  { stack }: FailureStage,
  reason: ProcessFailureReason,
  { id, kind }: Requested,
): Promise<void> {
  const view = await stack.reaches(id, kind, 'done', 'failed');
  expect(view).toMatchObject({ kind, state: 'failed', reason });
  await until(
    'the plan to end',
    async () => (await (await stack.plan(id, kind)).describe()).status.name === 'COMPLETED',
  );
  expect(await stack.details(id, kind)).toBe(`**failed**, \`${reason}\`: ${processFailureSentences[reason]}`);
  const { legacy } = stack.services.databases;
  expect((await legacy.query('select from paperwork_results where file_id = $1', [id])).rowCount).toBe(0);
}

function upload(name: string, content: () => string | Buffer, kind: ProcessKind): Way['bring'] {
  return async ({ stack }) => request(stack, await stack.upload(name, content()), kind);
}

async function request(stack: DocumentsStack, id: number, kind: ProcessKind): Promise<Requested> {
  await stack.request(id, kind);
  return { id, kind };
}

/** For up to five seconds the AI cube goes by what it knew of its models. */
async function classifiedOtherwise(stack: DocumentsStack, reason: ProcessFailureReason): Promise<Requested> {
  let documents = 0;
  return until('the AI cube to answer otherwise', async () => {
    documents += 1;
    const { id, view } = await stack.processed(`${reason}-${documents}.txt`, '계약은 해지할 수 있다.', 'classify');
    return view.reason === reason && { id, kind: 'classify' };
  });
}

/** Adds to a file again and again until it is terminated, whatever else this program does. */
function growing(file: string): Worker {
  const program = `const { appendFileSync } = require('node:fs');
    const idle = new Int32Array(new SharedArrayBuffer(4));
    for (;;) { appendFileSync(${JSON.stringify(file)}, 'x'); Atomics.wait(idle, 0, 0, 1); }`;
  return new Worker(program, { eval: true });
}

function lockedPdf(): Buffer {
  const page = '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>';
  const lock = `<< /Filter /Standard /V 1 /R 2 /P -4 /O <${'5a'.repeat(32)}> /U <${'a5'.repeat(32)}> >>`;
  const pages = '<< /Type /Pages /Kids [3 0 R] /Count 1 >>';
  return pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', pages, page, lock], '/Encrypt 4 0 R /ID [<00><00>]');
}
