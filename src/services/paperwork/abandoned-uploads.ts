import { toFailure } from '../../base/failures.js';
import { removeAbandonedUploads } from '../../storage/abandoned-uploads.js';
import type { LegacyFolder } from '../../storage/inside-folder.js';

const intervalMillis = 60 * 60 * 1000;

interface Log {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** Removes what uploads of programs that died have left, now and every hour, until the returned function is called. */
export function keepRemovingAbandonedUploads(folder: LegacyFolder, log: Log): () => void {
  const remove = async () => {
    try {
      const removed = await removeAbandonedUploads(folder);
      if (removed > 0) log.info({ removed }, 'removed temporary files of uploads that ended with their program');
    } catch (error) {
      const { type, message } = toFailure(error);
      log.warn({ type, detail: message }, 'temporary files of uploads cannot be looked for');
    }
  };
  void remove();
  const timer = setInterval(remove, intervalMillis);
  return () => clearInterval(timer);
}
