import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  readonly records: number;
  readonly sizes: readonly number[];
  readonly skipPgloader: boolean;
  /** Where the results go; undefined for a trial, which only prints them. */
  readonly out: string | undefined;
}

const full = { rounds: 5, records: 1_000_000, sizes: [10_000, 100_000, 1_000_000, 5_000_000] } as const;

/** What the command line requests. Any option makes the run a trial: its figures do not replace those of a full run. */
export function readOptions(args: readonly string[], fullResults: string): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      records: { type: 'string' },
      sizes: { type: 'string' },
      'skip-pgloader': { type: 'boolean' },
      out: { type: 'string' },
    },
  });
  return {
    rounds: values.rounds === undefined ? full.rounds : countOf('--rounds', values.rounds),
    records: values.records === undefined ? full.records : countOf('--records', values.records),
    sizes: values.sizes?.split(',').map((size) => countOf('--sizes', size)) ?? full.sizes,
    skipPgloader: values['skip-pgloader'] ?? false,
    out: values.out ?? (args.length === 0 ? fullResults : undefined),
  };
}

/** The options of the part about the gateway; no word at all means the full run. */
export function readGatewayOptions(args: readonly string[]): { rounds: number; seconds: number; connections: number } {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '8' } },
  });
  return {
    rounds: countOf('--rounds', values.rounds),
    seconds: countOf('--seconds', values.seconds),
    connections: 32,
  };
}

/** The options of the part about AI models; no word at all means the full run. */
export function readAiOptions(args: readonly string[]): { rounds: number; seconds: number; connections: number } {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '6' }, seconds: { type: 'string', default: '5' } },
  });
  return {
    rounds: countOf('--rounds', values.rounds),
    seconds: countOf('--seconds', values.seconds),
    connections: 32,
  };
}

/** The options of the part about moving AI models; no word at all means the full run. */
export function readMovingOptions(args: readonly string[]): { models: number; rounds: number } {
  const { values } = parseArgs({
    args: [...args],
    options: { models: { type: 'string', default: '50' }, rounds: { type: 'string', default: '3' } },
  });
  return { models: countOf('--models', values.models), rounds: countOf('--rounds', values.rounds) };
}

/** The options of the part about files; no word at all means the full run. */
export function readFilesOptions(args: readonly string[]): { rounds: number } {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: 'string', default: '7' } } });
  return { rounds: countOf('--rounds', values.rounds) };
}

/** The options of the part about streams of files; no word at all means the full run. */
export function readStreamsOptions(args: readonly string[]): { rounds: number; bytes: number } {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '7' }, mebibytes: { type: 'string', default: '1024' } },
  });
  return {
    rounds: countOf('--rounds', values.rounds),
    bytes: countOf('--mebibytes', values.mebibytes) * 1024 * 1024,
  };
}

/** The options of the part about crawling; no word at all means the full run. */
export function readCrawlerOptions(args: readonly string[]): { rounds: number; pages: number; memoryPages: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      pages: { type: 'string', default: '4000' },
      'memory-pages': { type: 'string', default: '50000' },
    },
  });
  return {
    rounds: countOf('--rounds', values.rounds),
    pages: countOf('--pages', values.pages),
    memoryPages: countOf('--memory-pages', values['memory-pages']),
  };
}

/** The options of the part about documents; no word at all means the full run. */
export function readDocumentsOptions(args: readonly string[]): { rounds: number; pages: number; documents: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      // A round recognises a hundred pages, which takes minutes.
      rounds: { type: 'string', default: '2' },
      pages: { type: 'string', default: '50' },
      documents: { type: 'string', default: '1000' },
    },
  });
  return {
    rounds: countOf('--rounds', values.rounds),
    pages: countOf('--pages', values.pages),
    documents: countOf('--documents', values.documents),
  };
}

/** The options of the part about traffic; no word at all means the full run. */
export function readTrafficOptions(args: readonly string[]): { trials: number } {
  const { values } = parseArgs({ args: [...args], options: { trials: { type: 'string', default: '50' } } });
  return { trials: countOf('--trials', values.trials) };
}

function countOf(name: string, text: string): number {
  if (!/^[1-9]\d{0,7}$/.test(text)) throw new Error(`${name} takes whole numbers from 1 on.`);
  return Number(text);
}
