import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type LoadedModel, type ModelProcess, startModelProcess } from '../../src/models/model-process.js';

/** What a row of `ai_models` says of the model that is to be loaded. */
export interface ModelRow {
  readonly name: string;
  readonly version: string | null;
  readonly artifact_path: string | null;
  readonly sha256: string | null;
}

/** A version that is loaded. */
interface ServedModel extends LoadedModel {
  readonly key: string;
  readonly version: string | null;
}

/** Not there, there and not to be loaded, or loaded. */
type FoundModel = 'missing' | 'not loaded' | ServedModel;

export interface LoadedModelsOptions {
  /** LEGACY_MODEL_DIR. */
  readonly folder: string;
  /** The file and version that the monolith has loaded of a row whose file was replaced since; undefined of most. */
  readonly loadedBefore: (row: ModelRow) => { readonly file: string; readonly version: string } | undefined;
}

const limits = { maxResidentBytes: 4 * 1024 ** 3, loadMillis: 60_000, runMillis: 30_000 };

/**
 * The monolith's models: each is loaded once, at its first prediction, and kept until the service restarts, whatever becomes of its row
 * or file. All are in one process next to the service, with the runtime and the options of the cube's.
 */
export class LoadedModels {
  private running = startModelProcess(limits);
  private readonly models = new Map<string, Promise<FoundModel>>();
  private isClosed = false;

  constructor(private readonly options: LoadedModelsOptions) {
    this.watch(this.running);
  }

  get process(): ModelProcess {
    return this.running;
  }

  /** `findRow` reads the row of a model that is not loaded. */
  find(name: string, findRow: () => Promise<ModelRow | undefined>): Promise<FoundModel> {
    const known = this.models.get(name);
    if (known !== undefined) return known;
    const loading = findRow().then((row) => (row === undefined ? 'missing' : this.load(row)));
    this.models.set(name, loading);
    // Only what is loaded is kept: a row may come, and a file be repaired.
    const forget = () => {
      if (this.models.get(name) === loading) this.models.delete(name);
    };
    loading.then((model) => typeof model === 'string' && forget(), forget);
    return loading;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.running.close();
  }

  private async load(row: ModelRow): Promise<FoundModel> {
    const before = this.options.loadedBefore(row);
    const file = before?.file ?? this.fileOf(row);
    if (file === undefined) return 'not loaded';
    const loaded = await this.running.load(row.name, file);
    return 'kind' in loaded ? 'not loaded' : { ...loaded, key: row.name, version: before?.version ?? row.version };
  }

  /** The monolith follows a path wherever it leads, as long as there is one. */
  private fileOf({ artifact_path: path }: ModelRow): string | undefined {
    try {
      return path ? realpathSync(join(this.options.folder, path)) : undefined;
    } catch {
      return undefined;
    }
  }

  /** A process that a model has ended is replaced; the others are loaded again when they are called. */
  private watch(process: ModelProcess): void {
    void process.ended.then(() => {
      if (this.isClosed) return;
      this.models.clear();
      this.running = startModelProcess(limits);
      this.watch(this.running);
    });
  }
}
