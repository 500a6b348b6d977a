const mebibyte = 1024 * 1024;

/** Past these a document is refused, with the reason that is named. */
export interface DocumentLimits {
  /** `too_large`: of the file. */
  readonly maxFileBytes: number;
  /** `too_large`: of what is read of one page, in UTF-16 units. */
  readonly maxPageCharacters: number;
  /** `too_many_pages`; also sheets of a workbook. */
  readonly maxPages: number;
  /** `image_too_large`: width × height of an image, also of one inside a PDF. */
  readonly maxImagePixels: number;
  /** `archive_too_large`: of all that is in an archive, expanded. */
  readonly maxExpandedBytes: number;
  /** `memory_exceeded`: of the whole process, of which about 250 MiB are the libraries'. */
  readonly maxResidentBytes: number;
  /** `time_exceeded`: until the number of pages is known, and for one page; waiting for a process does not count. */
  readonly openMillis: number;
  readonly pageMillis: number;
}

export const defaultDocumentLimits: DocumentLimits = {
  maxFileBytes: 256 * mebibyte,
  maxPageCharacters: 8 * mebibyte,
  maxPages: 2000,
  // A page of A4 at 600 dpi has 35 million.
  maxImagePixels: 40_000_000,
  maxExpandedBytes: 256 * mebibyte,
  maxResidentBytes: 1024 * mebibyte,
  openMillis: 120_000,
  // A page takes about eight seconds of a core, and many times that where programs share it.
  pageMillis: 300_000,
};
