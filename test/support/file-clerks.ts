import { createHash, randomBytes } from 'node:crypto';
import { Pool } from 'undici';

interface Uploaded {
  readonly id: number;
  readonly path: string;
  readonly content: Buffer;
}

const users = 200;
const hands = 6;

/** Users who upload files and download them again, whole and by range, without a pause, through a gateway, until they are stopped. */
export class FileClerks {
  readonly uploads: Uploaded[] = [];
  /** Answers other than 2xx, or none, of uploads and of downloads; each in a word. */
  readonly refused: string[] = [];
  /** Downloads that were answered with another content. */
  wrong = 0;
  downloads = 0;
  readonly byTarget = { legacy: 0, cube: 0 };
  private readonly pool: Pool;
  private turn = 0;
  private isStopped = false;
  private working: Promise<unknown> = Promise.resolve();

  constructor(gatewayUrl: string) {
    this.pool = new Pool(gatewayUrl, { connections: hands, pipelining: 1 });
  }

  start(): void {
    this.isStopped = false;
    this.working = Promise.all(Array.from({ length: hands }, () => this.workOn()));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.working;
  }

  /** How many of the uploads are not there as they were sent. */
  async countLost(): Promise<number> {
    let lost = 0;
    for (const { id, path, content } of this.uploads) {
      const row = await this.ask('GET', `/files/${id}`);
      const kept = row.status === 200 ? (JSON.parse(row.bytes.toString()) as { path: string }).path : undefined;
      const { status, bytes } = await this.ask('GET', `/files/${id}/content`);
      if (kept !== path || status !== 200 || !bytes.equals(content)) lost++;
    }
    return lost;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.pool.close();
  }

  private async workOn(): Promise<void> {
    while (!this.isStopped) {
      const turn = this.turn++;
      if (turn % 3 === 0 || this.uploads.length === 0) await this.upload(turn);
      else await this.download(this.uploads[(turn * 7) % this.uploads.length] as Uploaded, turn % 3 === 1);
    }
  }

  private async upload(turn: number): Promise<void> {
    const content = randomBytes(1 + ((turn * 997) % 120_000));
    const head = `--b\r\nContent-Disposition: form-data; name="file"; filename="각서 ${turn}.bin"\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--b--\r\n')]);
    const { status, bytes } = await this.ask(
      'POST',
      '/files',
      { 'content-type': 'multipart/form-data; boundary=b' },
      body,
    );
    if (status !== 201) this.refused.push(`upload ${status}`);
    else this.uploads.push({ ...(JSON.parse(bytes.toString()) as { id: number; path: string }), content });
  }

  private async download({ id, content }: Uploaded, isWhole: boolean): Promise<void> {
    const start = isWhole ? 0 : Math.floor(content.length / 3);
    const { status, bytes } = await this.ask(
      'GET',
      `/files/${id}/content`,
      isWhole ? {} : { range: `bytes=${start}-` },
    );
    if (status !== (isWhole ? 200 : 206)) this.refused.push(`download ${status}`);
    else if (!bytes.equals(content.subarray(start))) this.wrong++;
    else this.downloads++;
  }

  /** As another user each time; status 0 is no answer. */
  private async ask(
    method: 'GET' | 'POST',
    path: string,
    more: Record<string, string> = {},
    body: Buffer | null = null,
  ) {
    const user = `clerk-${createHash('sha256').update(`${this.turn}${path}`).digest().readUInt16BE() % users}`;
    try {
      const answer = await this.pool.request({
        method,
        path: `/api/paperwork${path}`,
        headers: { 'x-user-id': user, ...more },
        body,
      });
      const target = answer.headers['x-cube-target'];
      if (target === 'legacy' || target === 'cube') this.byTarget[target]++;
      return { status: answer.statusCode, bytes: Buffer.from(await answer.body.arrayBuffer()) };
    } catch {
      return { status: 0, bytes: Buffer.alloc(0) };
    }
  }
}
