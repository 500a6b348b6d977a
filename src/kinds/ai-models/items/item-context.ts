import type { UnfitItem } from '../../../domain/migration/items.js';
import type { ItemClaim } from '../../../postgres/ledger/items.js';
import type { StepContext } from '../../kind.js';
import type { StageContext } from '../artifact/stage-artifact.js';

/** Whose staged and intended contents those of an item are. */
export function ownerOf({ item }: Pick<ItemClaim, 'item'>): string {
  return `${storedBy}/${item.id}`;
}

/** In `storage.blobs`: contents that steps of this kind stored. */
export const storedBy = 'ai-models';

export function unfit(reason: string, detail: string): UnfitItem {
  return { kind: 'unfit', reason, detail };
}

export function stageContext(claim: ItemClaim, { assets, reportProgress, signal }: StepContext): StageContext {
  return {
    folder: assets.modelFolder(),
    store: assets.store(),
    owner: ownerOf(claim),
    onChunk: () => {
      signal.throwIfAborted();
      reportProgress({ item: claim.item.id });
    },
  };
}
