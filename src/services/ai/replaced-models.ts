import type { ReplacedModels as ReplacedModelsView } from '../../api/replaced-models.js';
import { shortened } from '../../base/shortened.js';
import type { ModelRecords } from './model-records.js';
import type { Replacement, ServingVersions } from './serving-versions.js';

/** A model that is active in the cube, and with which legacy predicts because it has another one. */
export interface ReplacedModel {
  readonly model: string;
  readonly reason: Replacement;
}

/** Between two looks at all models; the contract gives five seconds. */
const pauseMillis = 2000;
/** What was found longer ago is not known any more: a database is away, or legacy's folder hangs. */
const maxMillis = 10_000;
const maxShownNames = 20;
const maxShownLength = 200;

/** Which models legacy has replaced since they were moved, whether users ask for them or not: looked at again every two seconds. */
export class ReplacedModels {
  private found: { readonly models: readonly ReplacedModel[]; readonly at: number } | undefined;
  private readonly closing = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly records: Pick<ModelRecords, 'activeVersions' | 'legacyVersions'>,
    private readonly serving: Pick<ServingVersions, 'replacement'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Undefined while it is not known. */
  known(): readonly ReplacedModel[] | undefined {
    return this.found !== undefined && this.now() - this.found.at < maxMillis ? this.found.models : undefined;
  }

  /** What `/health` says. */
  view(): ReplacedModelsView | null {
    const models = this.known();
    if (models === undefined) return null;
    const names = models.slice(0, maxShownNames).map(({ model }) => shortened(model, maxShownLength));
    return { count: models.length, names };
  }

  /** Looks until `stop`, one look after the other. */
  start(): void {
    const at = this.now();
    void this.look()
      .then((models) => {
        this.found = { models, at };
      })
      // The dependencies in `/health` say what is away.
      .catch(() => undefined)
      .finally(() => {
        if (!this.closing.signal.aborted) this.timer = setTimeout(() => this.start(), pauseMillis).unref();
      });
  }

  stop(): void {
    this.closing.abort();
    clearTimeout(this.timer);
  }

  private async look(): Promise<readonly ReplacedModel[]> {
    const replaced: ReplacedModel[] = [];
    for (let after: string | null = null; ; ) {
      const page = await this.records.activeVersions(after);
      const last = page.at(-1);
      if (last === undefined) return replaced;
      const legacy = await this.records.legacyVersions(page.map(({ name }) => name));
      for (const { name, ...active } of page) {
        this.closing.signal.throwIfAborted();
        const reason = await this.serving.replacement(legacy.get(name), active, this.closing.signal);
        if (reason !== undefined) replaced.push({ model: name, reason });
      }
      after = last.id;
    }
  }
}
