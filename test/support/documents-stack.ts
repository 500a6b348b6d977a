import { Client, Connection } from '@temporalio/client';
import { expect, inject } from 'vitest';
import type { ProcessKind, ProcessView } from '../../src/domain/paperwork/process.js';
import { until } from './conditions.js';
import { DocumentsWorker } from './documents-worker.js';
import { paperworkToken } from './paperwork-cube-here.js';
import { type PaperworkServices, startPaperworkServices } from './paperwork-services.js';

interface FoundResult {
  readonly id: number;
  readonly kind: string;
  readonly result: Readonly<Record<string, unknown>>;
}

/** The paperwork cube and a documents worker, over real servers. */
export class DocumentsStack {
  private connection: Connection | undefined;

  private constructor(
    readonly services: PaperworkServices,
    readonly worker: DocumentsWorker,
  ) {}

  /** `environment`: more of the worker's variables. */
  static async start(
    more: { readonly redisUrl?: string; readonly environment?: Readonly<Record<string, string>> } = {},
  ): Promise<DocumentsStack> {
    const services = await startPaperworkServices();
    const { databases, folder, storeFolder } = services;
    return new DocumentsStack(services, await DocumentsWorker.start({ ...databases, folder, storeFolder, ...more }));
  }

  async stop(): Promise<void> {
    await this.connection?.close();
    await this.worker.end();
    await this.services.close();
  }

  async call(method: string, path: string, body?: object | FormData): Promise<{ status: number; body: unknown }> {
    const isForm = body instanceof FormData;
    const answer = await fetch(`${this.services.urls.cube}${path}`, {
      method,
      headers: {
        'x-cube-token': paperworkToken(),
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  }

  async upload(name: string, content: string | Buffer): Promise<number> {
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(Buffer.from(content))]), name);
    const { status, body } = await this.call('POST', '/files', form);
    expect(status).toBe(201);
    return (body as { id: number }).id;
  }

  async request(id: number, kind: ProcessKind): Promise<ProcessView> {
    const { status, body } = await this.call('POST', `/files/${id}/process`, { kind });
    expect([status, body]).toEqual([202, expect.anything()]);
    return body as ProcessView;
  }

  async view(id: number, kind: ProcessKind): Promise<ProcessView> {
    return (await this.call('GET', `/files/${id}/process/${kind}`)).body as ProcessView;
  }

  async content(id: number): Promise<string> {
    const headers = { 'x-cube-token': paperworkToken() };
    return (await fetch(`${this.services.urls.cube}/files/${id}/content`, { headers })).text();
  }

  /** Waits until the processing is in this state. */
  reaches(id: number, kind: ProcessKind, ...states: readonly ProcessView['state'][]): Promise<ProcessView> {
    return until(
      `${kind} of file ${id} to be ${states.join(' or ')}`,
      async () => {
        const view = await this.view(id, kind);
        return states.includes(view.state) && view;
      },
      120_000,
    );
  }

  /** Uploads a document, has it processed, and waits for the end. */
  async processed(name: string, content: string | Buffer, kind: ProcessKind) {
    const id = await this.upload(name, content);
    await this.request(id, kind);
    const view = await this.reaches(id, kind, 'done', 'failed');
    return { id, view, results: await this.results(id) };
  }

  async results(id: number): Promise<readonly FoundResult[]> {
    return ((await this.call('GET', `/files/${id}/results`)).body as { items: readonly FoundResult[] }).items;
  }

  /** Its plan in Temporal: what the Web UI shows of it, and its history as one text. */
  async plan(id: number, kind: ProcessKind) {
    this.connection ??= await Connection.connect({ address: inject('servers').temporalAddress });
    const client = new Client({ connection: this.connection, namespace: this.worker.namespace });
    return client.workflow.getHandle(`process/${id}/${kind}`);
  }

  async details(id: number, kind: ProcessKind): Promise<string> {
    const handle = await this.plan(id, kind);
    const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return metadata.currentDetails ?? '';
  }
}
