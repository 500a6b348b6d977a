import { join } from 'node:path';
import { packageRoot } from '../base/package-root.js';
import { type EndReason, LimitedProcess } from '../processes/limited-process.js';
import type { DocumentLimits } from './document-limits.js';
import type { DocumentAnswer, DocumentRequest } from './messages.js';
import type { PageContent, ReadingKind } from './page-content.js';
import { ReadingStopped, reasonOfEnd, UnreadableDocument } from './unreadable-document.js';

const mebibyte = 1024 * 1024;

/**
 * A child process that reads documents, one after the other, without environment and secrets. A document that makes it crash, hang or
 * grow ends it; it never starts again.
 */
export class DocumentProcess {
  private readonly child: LimitedProcess<DocumentRequest, DocumentAnswer>;

  constructor(private readonly limits: DocumentLimits) {
    const program = join(packageRoot(), 'dist', 'src', 'documents', 'main.js');
    this.child = new LimitedProcess(program, {
      ...limits,
      // The limit of the whole process comes first, and says why.
      maxHeapMebibytes: Math.ceil(limits.maxResidentBytes / mebibyte),
    });
  }

  /** Throws `UnreadableDocument`, or `ReadingStopped` when it is closed meanwhile, as `read` does. */
  async open(file: string, reading: ReadingKind): Promise<{ readonly pages: number; readonly madeBy: string }> {
    const answer = await this.answered({ kind: 'open', file, reading, limits: this.limits }, this.limits.openMillis);
    if (answer.kind !== 'opened') throw new UnreadableDocument('crashed', true);
    return { pages: answer.pages, madeBy: answer.madeBy };
  }

  /** Reads a page of the open document; the first is 1. */
  async read(page: number): Promise<PageContent> {
    const answer = await this.answered({ kind: 'read', page }, this.limits.pageMillis);
    if (answer.kind !== 'page') throw new UnreadableDocument('crashed', true);
    return answer.content;
  }

  /** Ends the process where a page is being read, since that may take long. */
  async closeDocument(): Promise<void> {
    if (this.child.isBusy) await this.child.close();
    else await this.child.call({ kind: 'close' }, this.limits.openMillis);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.child.hasEnded;
  }

  residentBytes(): number {
    return this.child.residentBytes();
  }

  get ended(): Promise<EndReason> {
    return this.child.ended;
  }

  close(): Promise<void> {
    return this.child.close();
  }

  private async answered(request: DocumentRequest, limitMillis: number): Promise<DocumentAnswer> {
    const answer = await this.child.call(request, limitMillis);
    if (answer.kind === 'ended') {
      if (answer.reason === 'closed') throw new ReadingStopped();
      throw new UnreadableDocument(reasonOfEnd[answer.reason], true);
    }
    if (answer.kind === 'unreadable') throw new UnreadableDocument(answer.reason);
    return answer;
  }
}
