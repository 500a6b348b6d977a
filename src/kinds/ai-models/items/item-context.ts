import type { UnfitItem } from '../../../domain/migration/items.js';
import type { ItemClaim } from '../../../postgres/ledger/item-claims.js';
import type { BlobStore } from '../../../storage/blob-store.js';
import type { StepContext } from '../../kind.js';
import type { StageContext } from '../artifact/stage-artifact.js';

/** Whose intended contents those of an item are. */
export function ownerOf({ item }: Pick<ItemClaim, 'item'>): string {
  return `${storedBy}/${item.id}`;
}

/** Whose staged and withdrawn contents those of one claim are: an attempt that is overtaken knows its own from those of the next. */
export function stagedBy(claim: ItemClaim): string {
  return `${ownerOf(claim)}/${claim.token}`;
}

/**
 * Removes what this claim, or an earlier one of the item, has staged or withdrawn and neither kept nor put back. What a later one has stays,
 * whenever a frozen worker comes here.
 */
export async function discardStaged(store: BlobStore, claim: ItemClaim): Promise<void> {
  const prefix = `${ownerOf(claim)}/`;
  for (const owner of await store.owners()) {
    const token = owner.startsWith(prefix) ? owner.slice(prefix.length) : '';
    if (/^\d+$/.test(token) && BigInt(token) <= claim.token) await store.discardOf(owner);
  }
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
    owner: stagedBy(claim),
    onChunk: () => {
      signal.throwIfAborted();
      reportProgress({ item: claim.item.id });
    },
  };
}
