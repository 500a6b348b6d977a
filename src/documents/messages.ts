import type { DocumentLimits } from './document-limits.js';
import type { PageContent, ReadingKind } from './page-content.js';
import type { UnreadableReason } from './unreadable-document.js';

/** What a program requests of its document process, which has one document open at a time; each is answered once, in order. */
export type DocumentRequest =
  | { readonly kind: 'open'; readonly file: string; readonly reading: ReadingKind; readonly limits: DocumentLimits }
  | { readonly kind: 'read'; readonly page: number }
  | { readonly kind: 'close' };

/** The answers, each to its kind of request; `unreadable` to the first two, after which the process serves on. */
export type DocumentAnswer =
  | { readonly kind: 'opened'; readonly pages: number; readonly madeBy: string }
  | { readonly kind: 'page'; readonly content: PageContent }
  | { readonly kind: 'closed' }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason };
