import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { choosePort } from '../../src/state/ports.js';
import type { StorageSettings } from '../../src/storage/open-store.js';
import { Bucket } from '../../src/storage/s3/bucket.js';
import { S3Requests } from '../../src/storage/s3/requests.js';
import type { S3Settings } from '../../src/storage/s3/settings.js';
import { until } from './conditions.js';

const portNames = [
  'master.port',
  'master.port.grpc',
  'volume.port',
  'volume.port.grpc',
  'filer.port',
  'filer.port.grpc',
  's3.port',
  's3.port.grpc',
] as const;
type PortName = (typeof portNames)[number];

/** A real S3 server of one test file, with one bucket, to be stopped and started as it likes. */
export class S3Server {
  readonly bucket = 'contents';
  /** Of the user that stores are opened by, who makes no buckets. */
  readonly accessKey = randomBytes(10).toString('hex');
  readonly secretKey = randomBytes(20).toString('hex');
  private readonly administrator = randomBytes(10).toString('hex');
  private server: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly ports: Readonly<Record<PortName, number>>,
  ) {}

  static async start(): Promise<S3Server> {
    const program = await ensureArtifact('seaweedfs', defaultCacheFolder(process.env), () => undefined);
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-s3-'));
    const taken = new Set<number>();
    const ports: Partial<Record<PortName, number>> = {};
    for (const name of portNames) {
      const port = await choosePort(0, taken);
      taken.add(port);
      ports[name] = port;
    }
    const server = new S3Server(program, folder, ports as Record<PortName, number>);
    try {
      await server.revive();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get port(): number {
    return this.ports['s3.port'];
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Of a store of its own within the bucket, whose other objects it does not see. */
  settings(prefix: string = randomUUID()): S3Settings {
    const { bucket, endpoint, accessKey, secretKey } = this;
    return { bucket, prefix, endpoint, region: 'us-east-1', accessKey, secretKey };
  }

  /** The same as variables of a program. */
  environment({ bucket, prefix, endpoint, region, accessKey, secretKey }: S3Settings): StorageSettings {
    return {
      CUBE_STORAGE_URL: `s3://${bucket}/${prefix}`,
      CUBE_STORAGE_ENDPOINT: endpoint,
      CUBE_STORAGE_REGION: region,
      CUBE_STORAGE_ACCESS_KEY: accessKey,
      CUBE_STORAGE_SECRET_KEY: secretKey,
    };
  }

  /** Objects of the bucket past every store. */
  objects(): Bucket {
    return new Bucket(this.requests());
  }

  /** The keys under a prefix. */
  async keys(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const { key } of this.objects().list(`${prefix}/`)) keys.push(key);
    return keys;
  }

  /** Starts the server, or starts it again with what it has. */
  async revive(): Promise<void> {
    writeFileSync(join(this.folder, 'identities.json'), JSON.stringify(this.identities()), { mode: 0o600 });
    const args = [
      'server',
      '-ip=127.0.0.1',
      `-dir=${this.folder}`,
      '-master.telemetry=false',
      '-master.volumeSizeLimitMB=512',
      '-volume.max=200',
      '-volume.index=memory',
      '-filer',
      `-filer.localSocket=${join(this.folder, 'filer.sock')}`,
      '-s3',
      `-s3.config=${join(this.folder, 'identities.json')}`,
      `-s3.localSocket=${join(this.folder, 's3.sock')}`,
      '-s3.iam=false',
      '-s3.port.iceberg=0',
      '-s3.port.lance=0',
      ...portNames.map((name) => `-${name}=${this.ports[name]}`),
    ];
    this.server = spawn(this.program, args, { stdio: 'ignore', cwd: this.folder });
    const requests = this.requests();
    // It says so of a bucket that is missing, too; it is ready for one a moment later.
    await until('the S3 server to answer', () =>
      requests.send({ method: 'PUT', expects: [409] }).then(
        () => true,
        () => false,
      ),
    );
    await requests.close();
  }

  async kill(): Promise<void> {
    const { server } = this;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private requests(): S3Requests {
    const settings = { ...this.settings(''), accessKey: this.administrator, secretKey: this.secretKey };
    return new S3Requests(settings, { clock: () => new Date(), silenceMillis: 10_000, attempts: 1, pauseMillis: 0 });
  }

  private identities() {
    const rights = ['Read', 'Write', 'List', 'Tagging'];
    const identity = (accessKey: string, actions: readonly string[]) => {
      return { name: accessKey, credentials: [{ accessKey, secretKey: this.secretKey }], actions };
    };
    return { identities: [identity(this.accessKey, rights), identity(this.administrator, ['Admin', ...rights])] };
  }
}
