import { readFile, stat } from 'node:fs/promises';
import type { DocumentLimits } from '../document-limits.js';
import type { ReadingKind } from '../page-content.js';
import { formatOf } from './format.js';
import type { ReadableDocument } from './readable-document.js';
import { Refused } from './refused.js';

/**
 * Opens a file as what its content is, whatever it is called. Throws `Refused`. Each library is loaded when the first document needs it.
 */
export async function openDocument(
  file: string,
  reading: ReadingKind,
  limits: DocumentLimits,
): Promise<ReadableDocument> {
  if ((await stat(file)).size > limits.maxFileBytes) throw new Refused('too_large');
  const content = await readFile(file);
  const format = await formatOf(content, limits);
  switch (`${reading} ${format}` as const) {
    case 'text pdf':
      return (await import('./pdf-text.js')).openPdfText(content, limits);
    case 'text docx':
      return (await import('./docx.js')).openDocxText(content);
    case 'text text':
      return (await import('./plain-text.js')).openPlainText(content, limits);
    case 'ocr pdf':
      return (await import('./pdf-scan.js')).openPdfScan(content, limits);
    case 'ocr image':
      return (await import('./image-scan.js')).openImageScan(content, limits);
    case 'tables docx':
      return (await import('./docx.js')).openDocxTables(content);
    case 'tables xlsx':
      return (await import('./xlsx.js')).openXlsxTables(content, limits);
    default:
      throw new Refused('type_unsupported');
  }
}
