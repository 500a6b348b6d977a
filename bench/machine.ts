import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { packageVersion } from '../src/base/package-root.js';
import { type Lab, withClient } from './lab.js';
import { type PeerProgram, versionOf } from './programs.js';

/** What a figure depends on in addition to the code, as lines of a list. */
export async function describeGround(lab: Lab, peers: readonly PeerProgram[]): Promise<readonly string[]> {
  return [
    ...describeMachine(peers.map(versionOf)),
    `Legacy: ${await describeServer(lab.legacyUrl)}.`,
    `Cube: ${await describeServer(lab.cubeUrl)}.`,
  ];
}

/** Date, machine and versions; `programs` are the version lines of what else takes part. */
export function describeMachine(programs: readonly string[]): readonly string[] {
  const [cpu] = cpus();
  const gigabytes = (totalmem() / 1024 ** 3).toFixed(0);
  return [
    `Date: ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC. Load of the machine before the first run: ${loadavg()[0]?.toFixed(2)}.`,
    `Machine: ${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${gigabytes} GiB, ${systemName()}, Linux ${release()} ${arch()}.`,
    `${[`cubeshift ${packageVersion()}`, `Node ${process.version}`, ...programs].join(', ')}.`,
  ];
}

async function describeServer(url: string): Promise<string> {
  const names = [
    'fsync',
    'synchronous_commit',
    'full_page_writes',
    'data_checksums',
    'wal_level',
    'shared_buffers',
    'max_wal_size',
  ];
  return withClient(url, async (client) => {
    const found = await client.query<{ version: string; settings: string }>(
      `select current_setting('server_version') as version,
              (select string_agg(name || ' ' || current_setting(name), ', ' order by place)
                 from unnest($1::text[]) with ordinality as wanted (name, place)) as settings`,
      [names],
    );
    return `PostgreSQL ${found.rows[0]?.version}: ${found.rows[0]?.settings}`;
  });
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  } catch {
    return 'Linux';
  }
}
