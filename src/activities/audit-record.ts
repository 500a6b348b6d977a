import { type AuditedAct, appendAudit } from '../postgres/audit.js';
import { atSide, type Databases } from '../postgres/databases.js';
import { guarded } from './guard.js';

export type { AuditedAct };

/** Acts that are put on record after they were begun, since nothing may keep them waiting. */
export function createAuditRecord({ cube }: Pick<Databases, 'cube'>) {
  return {
    /** Tried until it is done; a repetition may put the act on record twice. */
    putOnRecord: (act: AuditedAct): Promise<void> =>
      guarded(
        async () => {
          await atSide('cube', () => appendAudit(cube, act));
        },
        { untilDone: true },
      ),
  };
}

export type AuditRecord = ReturnType<typeof createAuditRecord>;
