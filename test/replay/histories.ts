import { join } from 'node:path';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import proto from '@temporalio/proto';
import { packageRoot } from '../../src/base/package-root.js';

/** The version of the engine whose histories scripts/record-histories.mjs records; those of released ones stay. */
export const planVersion = '0.1.0';

export function historiesFolder(version: string): string {
  return join(packageRoot(), 'test', 'replay', 'histories', version);
}

const { History: Message } = proto.temporal.api.history.v1;

/** A history as JSON: enums by name, bytes in base64. */
export function toText(history: History): string {
  const plain = Message.toObject(Message.fromObject(history), { longs: String, bytes: String, enums: String });
  return `${JSON.stringify(plain)}\n`;
}

export function fromText(text: string): History {
  return Message.fromObject(JSON.parse(text));
}
