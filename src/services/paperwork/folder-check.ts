import { constants } from 'node:fs';
import { access } from 'node:fs/promises';

/**
 * Whether legacy's folder can be read and written, as a dependency of readiness. A folder that was never there, as where a stack knows the
 * monolith's database alone, keeps nothing up: uploads and contents are refused then, and no ramp brings users. One that goes away does.
 */
export function createFolderCheck(path: string): () => Promise<void> {
  let wasThere = false;
  return async () => {
    try {
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
      wasThere = true;
    } catch (error) {
      if (wasThere) throw error;
    }
  };
}
