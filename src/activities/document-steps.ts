import { Context } from '@temporalio/activity';
import { toFailure } from '../base/failures.js';
import type { ReadingKind } from '../documents/page-content.js';
import type { ProcessFailureReason } from '../domain/paperwork/process-failure.js';
import { type ProcessWaitReason, waitReasonOf } from '../domain/paperwork/process-waiting.js';
import type { ProcessRequest } from '../domain/paperwork/processing-request.js';
import type { ClassifyText } from '../paperwork/classify-text.js';
import { type ResultWriter, resultOfPages, textOfPages } from '../paperwork/processing-result.js';
import { readSlice, type SliceDependencies, type SliceOutcome } from '../paperwork/read-slice.js';
import { guarded } from './guard.js';

export interface DocumentDependencies extends SliceDependencies {
  readonly results: Pick<ResultWriter, 'write'>;
  readonly classify: ClassifyText;
}

/** What a step waits for; called again with `isWaiting`, Temporal retries it until that is there. */
export interface Waits {
  readonly kind: 'waits';
  readonly reason: ProcessWaitReason;
}

type Ended = Exclude<SliceOutcome, { readonly kind: 'read' }>;

/** `read_again`: not every page is kept, or the text that the document has as text is empty and it is read as a picture. */
export type RecordOutcome = { readonly kind: 'done' } | { readonly kind: 'read_again' } | Ended;

/** So that a killed worker is noticed; reading itself has its own limits of time. */
const beatEveryMillis = 2000;

/**
 * The steps of a document's processing. What is read stays in the cube database, and a step carries ids, counts and reasons. Each is
 * conditional on its request: of one that has ended it changes nothing.
 */
export function createDocumentSteps(dependencies: DocumentDependencies) {
  const { records, results, classify } = dependencies;

  /** A step that needs services which may be away: their absence is on record before it waits for them. */
  const waiting = <T>(request: ProcessRequest, isWaiting: boolean, work: (signal: AbortSignal) => Promise<T>) =>
    guarded<T | Waits>(async () => {
      const context = Context.current();
      const { cancellationSignal: signal } = context;
      const beat = setInterval(() => context.heartbeat(), beatEveryMillis);
      try {
        return await work(signal);
      } catch (error) {
        const reason = signal.aborted ? undefined : waitReasonOf(toFailure(error).type);
        if (reason === undefined) throw error;
        // A cube database that is away is not told; Temporal shows it.
        await records.wait(request, reason).catch(() => undefined);
        if (isWaiting) throw error;
        return { kind: 'waits', reason };
      } finally {
        clearInterval(beat);
      }
    });

  const readAgain = async (request: ProcessRequest, reading: ReadingKind): Promise<RecordOutcome> => ({
    kind: (await records.readAs(request, reading)) ? 'read_again' : 'forgotten',
  });

  return {
    /** Reads pages of the document for a while, and keeps them. */
    readDocument: (request: ProcessRequest, isWaiting: boolean): Promise<SliceOutcome | Waits> =>
      waiting(request, isWaiting, (signal) => readSlice(request, signal, dependencies)),

    /** Writes the result of the pages that were read, of a classification what the AI cube makes of them. */
    recordResult: (request: ProcessRequest, isWaiting: boolean): Promise<RecordOutcome | Waits> =>
      waiting<RecordOutcome>(request, isWaiting, async () => {
        const record = await records.find(request);
        if (record === undefined) return { kind: 'forgotten' };
        const { reading, method } = record;
        const pages = await records.pages(request);
        // Another attempt, stopped for long and woken, may have begun anew: what is left is no result.
        if (pages.length !== record.pages) return readAgain(request, reading);
        const readBy = method ?? '';
        const write = async (...result: Parameters<ResultWriter['write']>): Promise<RecordOutcome> => {
          const written = await results.write(...result);
          if (written === 'file_deleted') return { kind: 'failed', reason: written };
          return { kind: written === 'written' ? 'done' : written };
        };
        if (request.kind !== 'classify') return write(request, resultOfPages(reading, pages, readBy));
        const text = textOfPages(pages);
        if (text.trim() === '') {
          if (reading !== 'text') return { kind: 'failed', reason: 'text_missing' };
          return readAgain(request, 'ocr');
        }
        const classified = await classify(text);
        if (classified.kind === 'failed') return classified;
        const { label, model, version } = classified;
        return write(request, { label, model, version, made_by: `${model} ${version}; ${readBy}` });
      }),

    /** Ends the request with the reason why it failed. */
    recordFailure: (request: ProcessRequest, reason: ProcessFailureReason): Promise<void> =>
      guarded(() => records.fail(request, reason), { untilDone: true }),
  };
}

export type DocumentSteps = ReturnType<typeof createDocumentSteps>;
