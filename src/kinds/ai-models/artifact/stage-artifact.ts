import { mkdir } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import type { UnfitItem } from '../../../domain/migration/items.js';
import { artifactPathProblem } from '../../../domain/models/artifact-path.js';
import type { BlobStore, StagedBlob } from '../../../storage/blob-store.js';
import { graphFile } from '../../../storage/check-out.js';
import { type LegacyFolder, leadsOutside, readInside, type UnreadablePath } from '../../../storage/inside-folder.js';
import type { StatText } from '../../../storage/stat-text.js';
import { onTemporaryDisk } from '../../../storage/temporary-disk.js';
import { withWorkingFolder } from '../../../storage/working-folder.js';
import { externalLocations } from './external-data.js';

export interface StagedFile {
  readonly blob: StagedBlob;
  readonly stat: StatText;
}

/** A model's files as they were read from legacy's folder, each at one moment. */
export interface StagedArtifact {
  readonly graph: StagedFile;
  /** By the name under which the graph refers to it. */
  readonly files: ReadonlyMap<string, StagedFile>;
}

export interface StageContext {
  readonly folder: LegacyFolder;
  readonly store: BlobStore;
  /** Whose staged files these are. */
  readonly owner: string;
  readonly onChunk: () => void;
}

/** Reads a graph and the files next to it that it refers to; nothing stays staged of what is unfit. */
export async function stageArtifact(context: StageContext, path: string | null): Promise<StagedArtifact | UnfitItem> {
  const staged: StagedFile[] = [];
  const files = new Map<string, StagedFile>();
  const stage = async (at: string | null, what: string): Promise<StagedFile | UnfitItem> => {
    const problem = artifactPathProblem(at);
    if (at === null || problem !== undefined) return unfit('path_outside', `${what}: ${problem}`);
    const read = await readInside(
      context.folder,
      at,
      (content) => context.store.stage(reporting(content, context.onChunk), context.owner),
      (blob) => blob.discard(),
    );
    if (read.kind !== 'read') return unfit(reasonOf[read.kind], `${what}: ${read.detail}`);
    const file = { blob: read.value, stat: read.stat };
    staged.push(file);
    return file;
  };
  const stageAll = async (): Promise<StagedArtifact | UnfitItem> => {
    const graph = await stage(path, 'the artifact');
    if ('kind' in graph) return graph;
    const locations = await locationsIn(graph);
    const problem = locations.map(artifactPathProblem).find((one) => one !== undefined);
    if (problem !== undefined) return unfit('path_outside', `data outside the graph: ${problem}`);
    const besideGraph = (location: string) => posix.join(posix.dirname(path ?? ''), location);
    // Of the reasons this is the first, whatever else is wrong with a file that comes before.
    for (const location of locations)
      if (await leadsOutside(context.folder, besideGraph(location)))
        return unfit('path_outside', 'data outside the graph: the path leads out of the folder');
    for (const location of locations) {
      const file = await stage(besideGraph(location), 'data outside the graph');
      if ('kind' in file) return file;
      files.set(location, file);
    }
    return { graph, files };
  };
  const artifact = await stageAll();
  if ('kind' in artifact) await discardAll(staged);
  return artifact;
}

/** Lays the files out as the runtime looks for them; returns the path of the graph. Throws `disk_full`. */
export async function layOut({ graph, files }: StagedArtifact, folder: string): Promise<string> {
  const path = join(folder, graphFile(graph.blob.sha256));
  await place(graph, path);
  for (const [name, file] of files) await place(file, join(folder, name));
  return path;
}

export async function discardArtifact({ graph, files }: StagedArtifact): Promise<void> {
  await discardAll([graph, ...files.values()]);
}

async function discardAll(files: readonly StagedFile[]): Promise<void> {
  for (const { blob } of files) await blob.discard();
}

async function place({ blob }: StagedFile, file: string): Promise<void> {
  await onTemporaryDisk(() => mkdir(dirname(file), { recursive: true }));
  await blob.copyTo(file);
}

/** None of a file that is no graph. */
async function locationsIn({ blob }: StagedFile): Promise<readonly string[]> {
  return withWorkingFolder(async (folder) => {
    const file = join(folder, 'graph');
    await blob.copyTo(file);
    return externalLocations(file) ?? [];
  });
}

const reasonOf: Readonly<Record<UnreadablePath['kind'], string>> = {
  outside: 'path_outside',
  missing: 'artifact_missing',
  not_a_file: 'artifact_missing',
  unreadable: 'artifact_missing',
  changing: 'artifact_changing',
};

function unfit(reason: string, detail: string): UnfitItem {
  return { kind: 'unfit', reason, detail };
}

async function* reporting(content: AsyncIterable<Buffer>, onChunk: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    onChunk();
    yield chunk;
  }
}
