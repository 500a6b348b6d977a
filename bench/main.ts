import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { packageRoot } from '../src/base/package-root.js';
import { readConfiguration } from '../src/config/configuration.js';
import { artifacts } from '../src/stack/downloads/artifacts.js';
import { createFolderStore } from '../src/storage/folder-store.js';
import { openStore, storageVariables } from '../src/storage/open-store.js';
import { measureAi } from './ai/measure.js';
import { measureMoving, renderMoving } from './ai/moving.js';
import { renderAi } from './ai/table.js';
import type { Contender, Measured } from './contender.js';
import { measureCrawler } from './crawler/measure.js';
import { crawlPlainly, type LoopTask } from './crawler/plain-loop.js';
import { renderCrawler } from './crawler/table.js';
import { readBare } from './documents/bare.js';
import { measureDocuments } from './documents/measure.js';
import { renderDocuments } from './documents/table.js';
import { engine, stopEngines } from './engine.js';
import { measureFiles, rcloneVersion } from './files/measure.js';
import { runStore } from './files/store-run.js';
import { renderFiles } from './files/table.js';
import { serveHttpProxy } from './gateway/http-proxy.js';
import { measureGateway } from './gateway/measure.js';
import { describeNginx, describePeers } from './gateway/peers.js';
import { renderGateway } from './gateway/table.js';
import { Lab } from './lab.js';
import { describeGround, describeMachine } from './machine.js';
import {
  type BenchOptions,
  readAiOptions,
  readCrawlerOptions,
  readDocumentsOptions,
  readFilesOptions,
  readGatewayOptions,
  readMovingOptions,
  readOptions,
  readStreamsOptions,
  readTrafficOptions,
} from './options.js';
import { type Part, replacePart } from './parts.js';
import { pgloader, psqlPipe } from './peers.js';
import { type PeerProgram, versionOf } from './programs.js';
import { type Results, renderResults } from './results.js';
import { rowByRow } from './row-by-row.js';
import { measureS3 } from './s3/measure.js';
import { renderS3 } from './s3/table.js';
import { serveFiles } from './streams/file-service.js';
import { measureStreams } from './streams/measure.js';
import { renderStreams } from './streams/table.js';
import { measureTraffic } from './traffic/measure.js';
import { renderTraffic } from './traffic/table.js';

/**
 * Measures the engine and its peers, in one run and on the same servers:
 * `npm run bench [-- --rounds N --records N --sizes N,N --skip-pgloader --out FILE]`; the gateway and its peers by
 * `npm run bench -- gateway [--rounds N --seconds N]`; routing, tokens, charts and rollbacks by
 * `npm run bench -- traffic [--trials N]`; AI models by `npm run bench -- ai [--rounds N --seconds N]`; moving them by
 * `npm run bench -- moving [--models N --rounds N]`; files by `npm run bench -- files [--rounds N]`, to an S3 server
 * by `npm run bench -- s3 [--rounds N]`, through the gateway by `npm run bench -- streams [--rounds N --mebibytes N]`;
 * reading documents by `npm run bench -- documents [--rounds N --pages N --documents N]`; crawling by
 * `npm run bench -- crawler [--rounds N --pages N --memory-pages N]`. A run without options replaces its part of
 * bench/RESULTS.md.
 */
/** The row-by-row peer's pages by offset cost the more the farther they are: a million rows took it more than nine minutes. */
const maxRowByRow = 100_000;
const log = (text: string) => void process.stderr.write(`${text}\n`);
let interrupted = false;

const resultsFile = join(packageRoot(), 'bench', 'RESULTS.md');
const [part, ...args] = process.argv.slice(2);
if (part === 'http-proxy') await serveHttpProxy(Number(args[0]), args[1] ?? '');
else if (part === 'gateway') {
  const options = readGatewayOptions(args);
  const ground = describeMachine(describePeers());
  publish('gateway', renderGateway(await measureGateway(options, log), ground), args);
} else if (part === 'traffic') {
  const options = readTrafficOptions(args);
  const ground = describeMachine([]);
  publish('traffic', renderTraffic(await measureTraffic(options, log), ground), args);
} else if (part === 'ai') {
  const options = readAiOptions(args);
  const ground = describeMachine([]);
  publish('ai', renderAi(await measureAi(options, log), ground), args);
} else if (part === 'moving') {
  const options = readMovingOptions(args);
  const ground = describeMachine([]);
  publish('moving', renderMoving(await measureMoving(options, log), ground), args);
} else if (part === 'files') {
  const { rounds } = readFilesOptions(args);
  const ground = describeMachine([rcloneVersion() ?? 'no rclone']);
  publish('files', renderFiles(await measureFiles(rounds, log), ground), args);
} else if (part === 's3') {
  const { rounds } = readFilesOptions(args);
  const ground = describeMachine([rcloneVersion() ?? 'no rclone', `SeaweedFS ${artifacts.seaweedfs.version}`]);
  publish('s3', renderS3(await measureS3(rounds, log), ground), args);
} else if (part === 'streams') {
  const options = readStreamsOptions(args);
  const ground = describeMachine([describeNginx()]);
  publish('streams', renderStreams(await measureStreams(options, log), ground), args);
} else if (part === 'documents') {
  const options = readDocumentsOptions(args);
  const ground = describeMachine([]);
  publish('documents', renderDocuments(await measureDocuments(options, log), ground), args);
} else if (part === 'crawler') {
  const options = readCrawlerOptions(args);
  const ground = describeMachine([]);
  publish('crawler', renderCrawler(await measureCrawler(options, log), ground), args);
} else if (part === 'crawler-loop')
  process.stdout.write(JSON.stringify(await crawlPlainly((await json(process.stdin)) as LoopTask)));
else if (part === 'documents-bare') {
  const measured = JSON.stringify(await readBare(args[0] ?? '', args[1] ?? ''));
  // The recogniser's thread would go on.
  process.stdout.write(measured, () => process.exit());
} else if (part === 'file-service') await serveFiles(Number(args[0]), Number(args[1]));
else if (part === 'files-store')
  process.stdout.write(JSON.stringify(await runStore(args[0] ?? '', () => createFolderStore(args[1] ?? ''))));
else if (part === 's3-store')
  process.stdout.write(
    JSON.stringify(await runStore(args[0] ?? '', () => openStore(readConfiguration(process.env, storageVariables)))),
  );
else await measureMigrations();

/** Prints a part, and puts it in its place when the run was a full one. */
function publish(name: Part, text: string, options: readonly string[]): void {
  process.stdout.write(`${text}\n`);
  if (options.length > 0) log('a trial: bench/RESULTS.md stays as it is');
  else writePart(resultsFile, name, text);
}

function writePart(file: string, name: Part, text: string): void {
  const document = existsSync(file) ? readFileSync(file, 'utf8') : '';
  writeFileSync(file, replacePart(document, name, text));
}

async function measureMigrations(): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2), resultsFile);
    const peers: readonly PeerProgram[] = options.skipPgloader ? ['psql'] : ['psql', 'pgloader'];
    for (const peer of peers) versionOf(peer);
    const lab = await Lab.open(log);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void giveUp(lab));
    try {
      const text = renderResults(await measureAll(lab, options, peers));
      process.stdout.write(text);
      if (options.out === undefined) log('a trial: bench/RESULTS.md stays as it is');
      else writePart(options.out, 'rows', text);
    } finally {
      if (!interrupted) await lab.close();
    }
  } catch (error) {
    // What is torn down under a run's feet makes it fail; that needs no word.
    if (!interrupted) {
      log(error instanceof Error ? error.message : String(error));
      process.exitCode = 1;
    }
  }
}

async function giveUp(lab: Lab): Promise<void> {
  interrupted = true;
  log('stopping');
  await stopEngines();
  await lab.close();
  process.exit(130);
}

async function measureAll(lab: Lab, options: BenchOptions, peers: readonly PeerProgram[]): Promise<Results> {
  const started = performance.now();
  const ground = await describeGround(lab, peers);
  const one = engine(lab, 1);
  const two = engine(lab, 2);
  const psql = psqlPipe('text');
  const loader = options.skipPgloader ? undefined : pgloader(lab.folder);
  const contenders = [one, psql, psqlPipe('binary'), ...(loader === undefined ? [] : [loader])];

  const rounds = await runRounds(lab, contenders, options.records, options.rounds);
  const few = Math.min(options.records, maxRowByRow);
  const slow = await runRounds(lab, [one, psql, rowByRow], few, Math.min(2, options.rounds));
  const compared = await runRounds(lab, [one, two], options.records, Math.min(2, options.rounds));
  const sizes: { records: number; runs: Measured[] }[] = [];
  for (const records of options.sizes) {
    const runs: Measured[] = [];
    // A small run is over before the machine's noise evens out.
    for (let run = 0; run < (records <= 100_000 ? 2 : 1); run++) runs.push(await runOnce(lab, one, records));
    sizes.push({ records, runs });
  }
  return {
    ground,
    records: options.records,
    rounds,
    slow: { records: few, rounds: slow },
    sizes,
    workers: new Map([
      [1, compared.get(one.name) ?? []],
      [2, compared.get(two.name) ?? []],
    ]),
    names: { engine: one.name, psql: psql.name, pgloader: loader?.name },
    minutes: (performance.now() - started) / 60_000,
  };
}

/** Each contender once a round; who begins turns from round to round, and every other round goes backwards. */
async function runRounds(
  lab: Lab,
  contenders: readonly Contender[],
  records: number,
  rounds: number,
): Promise<Map<string, Measured[]>> {
  const measured = new Map(contenders.map(({ name }): [string, Measured[]] => [name, []]));
  for (let round = 0; round < rounds; round++) {
    log(`round ${round + 1} of ${rounds}, ${records} rows`);
    const turned = contenders.map((_, place) => contenders[(place + round) % contenders.length]);
    for (const contender of round % 2 === 0 ? turned : turned.reverse()) {
      if (contender !== undefined) measured.get(contender.name)?.push(await runOnce(lab, contender, records));
    }
  }
  return measured;
}

async function runOnce(lab: Lab, contender: Contender, records: number): Promise<Measured> {
  const source = await lab.source(records);
  const target = await lab.target();
  const measured = await contender.run(source, target);
  await lab.checkAndDrop(source, target, contender.name);
  const { parts } = measured;
  const detail = parts
    ? ` (copy ${parts.copy.toFixed(2)}, peak memory ${parts.peakMegabytes.map((peak) => peak.toFixed(0)).join(' + ')} MB)`
    : '';
  log(`  ${contender.name.replaceAll('\\', '')}, ${records} rows: ${measured.seconds.toFixed(2)} s${detail}`);
  return measured;
}
