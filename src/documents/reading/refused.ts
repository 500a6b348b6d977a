import type { UnreadableReason } from '../unreadable-document.js';

/** Why a document, or a page of it, is not read; the process serves on. */
export class Refused extends Error {
  constructor(readonly reason: UnreadableReason) {
    super(reason);
    this.name = 'Refused';
  }
}
