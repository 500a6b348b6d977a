import { serveRequests } from '../processes/serve-requests.js';
import type { DocumentAnswer, DocumentRequest } from './messages.js';
import { DocumentReader } from './reading/document-reader.js';

/** Entry point of a document process: the child of a program that has documents read. */
const reader = new DocumentReader();
serveRequests<DocumentRequest, DocumentAnswer>((request) => reader.answer(request));
