import { crc32 } from 'node:zlib';
import type { Random } from '../../random.js';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A greyscale picture of stripes, `edge` by `edge` pixels. Nothing is compressed: a zlib of another version would write other bytes. */
export function png(random: Random, edge: number): Buffer {
  const shades = Array.from({ length: 8 }, () => random.between(0, 255));
  const rows = Array.from({ length: edge }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: edge }, (_, x) => shades[(x + y) % 8] ?? 0)]),
  );
  const header = Buffer.alloc(13);
  header.writeUInt32BE(edge, 0);
  header.writeUInt32BE(edge, 4);
  // Eight bits a pixel, greyscale.
  header.writeUInt8(8, 8);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', storedZlib(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** A zlib stream of stored blocks (RFC 1950, 1951). */
function storedZlib(data: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x78, 0x01])];
  for (let at = 0; at < data.length; at += 0xffff) {
    const part = data.subarray(at, at + 0xffff);
    const head = Buffer.alloc(5);
    head.writeUInt8(at + part.length === data.length ? 1 : 0);
    head.writeUInt16LE(part.length, 1);
    head.writeUInt16LE(~part.length & 0xffff, 3);
    parts.push(head, part);
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(adler32(data));
  return Buffer.concat([...parts, sum]);
}

function adler32(data: Buffer): number {
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}
