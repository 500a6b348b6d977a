import type { DocumentLimits } from '../document-limits.js';
import type { DocumentAnswer, DocumentRequest } from '../messages.js';
import { cleanContent, contentLength } from './clean-content.js';
import { openDocument } from './open-document.js';
import type { ReadableDocument } from './readable-document.js';
import { Refused } from './refused.js';

/** Answers the requests of a document process: it has one document open at a time. */
export class DocumentReader {
  private document: ReadableDocument | undefined;
  private limits: DocumentLimits | undefined;

  async answer(request: DocumentRequest): Promise<DocumentAnswer> {
    try {
      switch (request.kind) {
        case 'open':
          this.limits = request.limits;
          this.document = await openDocument(request.file, request.reading, request.limits);
          return { kind: 'opened', pages: this.document.pages, madeBy: this.document.madeBy };
        case 'read':
          return await this.read(request.page);
        case 'close':
          await this.document?.close();
          this.document = undefined;
          return { kind: 'closed' };
      }
    } catch (error) {
      // Libraries throw whatever comes to them: of a document that keeps to its format none does.
      return { kind: 'unreadable', reason: error instanceof Refused ? error.reason : 'document_damaged' };
    }
  }

  private async read(page: number): Promise<DocumentAnswer> {
    if (this.document === undefined || this.limits === undefined) throw new Error('No document is open.');
    const content = cleanContent(await this.document.readPage(page));
    if (contentLength(content) > this.limits.maxPageCharacters) throw new Refused('too_large');
    return { kind: 'page', content };
  }
}
