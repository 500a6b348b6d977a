import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FormData, Pool } from 'undici';

/** What users who upload files met. */
export interface Uploads {
  readonly uploaded: number;
  /** Answered with something else than 201, or not at all: what became of them is not known. */
  readonly failed: number;
  /** Of those that were uploaded. */
  readonly byCube: number;
}

interface Uploaded {
  readonly userId: string;
  readonly id: number;
  readonly path: string;
  readonly sha256: string;
}

const everyMillis = 200;
const clerks = 40;

/** Users who upload a file every so often, through the gateway, until they are stopped; each upload is kept to be asked for later. */
export class FileUsers {
  private readonly pool: Pool;
  private readonly uploads: Uploaded[] = [];
  private failed = 0;
  private byCube = 0;
  private isStopped = false;
  private readonly work: Promise<void>;

  constructor(gatewayUrl: string) {
    this.pool = new Pool(gatewayUrl, { connections: 8, pipelining: 1 });
    this.work = this.uploadUntilStopped();
  }

  /** Returns once so many more were uploaded, or could not be. */
  async untilMore(uploads: number): Promise<void> {
    const wanted = this.uploads.length + this.failed + uploads;
    while (this.uploads.length + this.failed < wanted) await sleep(everyMillis);
  }

  /** Ends the uploads. */
  async stop(): Promise<Uploads> {
    this.isStopped = true;
    await this.work;
    return { uploaded: this.uploads.length, failed: this.failed, byCube: this.byCube };
  }

  /** Asks for every file that was uploaded: how many are there with the content that was sent. */
  async countWhole(): Promise<number> {
    let whole = 0;
    for (const uploaded of this.uploads) if (await this.isWhole(uploaded)) whole++;
    return whole;
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private async uploadUntilStopped(): Promise<void> {
    for (let place = 0; !this.isStopped; place++) {
      await this.upload(`신청서 ${place}.txt`, place);
      await sleep(everyMillis);
    }
  }

  private async upload(name: string, place: number): Promise<void> {
    const content = Buffer.concat([Buffer.from(`${name}\n`), randomBytes(1000 + (place % 7) * 4000)]);
    const form = new FormData();
    form.set('file', new File([content], name));
    form.set('metadata', JSON.stringify({ from: 'demo', place }));
    const userId = `clerk-${place % clerks}`;
    try {
      const { statusCode, headers, body } = await this.pool.request({
        method: 'POST',
        path: '/api/paperwork/files',
        headers: { 'x-user-id': userId },
        body: form,
      });
      const answer = (await body.json()) as { readonly id: number; readonly path: string };
      if (statusCode !== 201) {
        this.failed++;
        return;
      }
      if (headers['x-cube-target'] === 'cube') this.byCube++;
      this.uploads.push({ userId, id: answer.id, path: answer.path, sha256: sumOf(content) });
    } catch {
      this.failed++;
    }
  }

  private async isWhole({ userId, id, path, sha256 }: Uploaded): Promise<boolean> {
    const row = await this.read(userId, `/api/paperwork/files/${id}`);
    const content = await this.read(userId, `/api/paperwork/files/${id}/content`);
    if (row.status !== 200 || content.status !== 200) return false;
    const { path: kept } = JSON.parse(row.bytes.toString('utf8')) as { readonly path?: string };
    return kept === path && sumOf(content.bytes) === sha256;
  }

  /** A user who asks too often is answered 429 and asks again: that says nothing of the file. */
  private async read(userId: string, path: string): Promise<{ readonly status: number; readonly bytes: Buffer }> {
    for (;;) {
      const { statusCode, body } = await this.pool.request({ method: 'GET', path, headers: { 'x-user-id': userId } });
      const bytes = Buffer.from(await body.arrayBuffer());
      if (statusCode !== 429) return { status: statusCode, bytes };
      await sleep(1000);
    }
  }
}

function sumOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
