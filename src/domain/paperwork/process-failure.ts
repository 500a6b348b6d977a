/** Why a file's processing failed, as `reason` of its view says it; each with a sentence for a person. */
export const processFailureSentences = {
  type_unsupported: 'This kind of processing does not exist for the type that the content is of.',
  content_missing: 'The file has no content that can be read.',
  content_changed: 'The content changed each time while it was read.',
  too_large: 'The document, or the text in it, is larger than what is read.',
  too_many_pages: 'The document has more pages than what is read.',
  image_too_large: 'The image, or an image in the document, has more pixels than what is read.',
  archive_too_large: 'The document expands to far more than its size.',
  password_protected: 'The document can be opened with a password only.',
  document_damaged: 'The document is damaged or cut off.',
  text_unreadable: 'The text is in an encoding that is not known.',
  time_exceeded: 'Reading took longer than a document or page may take.',
  memory_exceeded: 'Reading took more memory than a document may take.',
  crashed: 'The process that read the document ended.',
  file_deleted: 'The file was deleted meanwhile.',
  model_missing: 'There is no model that classifies documents.',
  model_refused: 'The model that classifies documents refused the text.',
  text_missing: 'The document has no text by which it could be classified.',
  gave_up: 'A service that processing needs was away for a day, or refused to serve.',
} as const;

export type ProcessFailureReason = keyof typeof processFailureSentences;
