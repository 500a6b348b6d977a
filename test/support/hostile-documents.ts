import { crc32, deflateRawSync } from 'node:zlib';

const mebibyte = 1024 * 1024;
const officeTypes = {
  docx: 'wordprocessingml.document.main',
  xlsx: 'spreadsheetml.sheet.main',
} as const;

/** An office document of these parts; the list of content types comes with it. */
export function officeFile(format: keyof typeof officeTypes, parts: Readonly<Record<string, string | Buffer>>): Buffer {
  const main = format === 'docx' ? 'word/document.xml' : 'xl/workbook.xml';
  const office = 'http://schemas.openxmlformats.org';
  return deflatedZip({
    '[Content_Types].xml': `<Types xmlns="${office}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/${main}" ContentType="application/vnd.openxmlformats-officedocument.${officeTypes[format]}+xml"/></Types>`,
    '_rels/.rels': `<Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="r1" Type="${office}/officeDocument/2006/relationships/officeDocument" Target="${main}"/></Relationships>`,
    ...parts,
  });
}

/** A Word document whose body has this XML; `before` stands in front of its root. */
export function wordDocument(body: string, before = '', parts: Readonly<Record<string, string>> = {}): Buffer {
  return officeFile('docx', {
    'word/document.xml': `<?xml version="1.0"?>${before}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`,
    ...parts,
  });
}

/** A workbook of one sheet with these rows as XML. */
export function workbook(rows: string): Buffer {
  const office = 'http://schemas.openxmlformats.org';
  return officeFile('xlsx', {
    'xl/workbook.xml': `<workbook xmlns="${office}/spreadsheetml/2006/main" xmlns:r="${office}/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="r1" Type="${office}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    'xl/worksheets/sheet1.xml': `<worksheet xmlns="${office}/spreadsheetml/2006/main"><sheetData>${rows}</sheetData></worksheet>`,
  });
}

/** An office document that expands to sixty-four mebibytes out of a few kilobytes. */
export function zipBomb(format: keyof typeof officeTypes): Buffer {
  return officeFile(format, { 'bomb.xml': Buffer.alloc(64 * mebibyte, ' ') });
}

/** A PDF of these objects, the first of which is its catalogue. */
export function pdfOf(objects: readonly string[], trailer = ''): Buffer {
  let text = '%PDF-1.7\n';
  const offsets = objects.map((object, place) => {
    const offset = text.length;
    text += `${place + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  const size = objects.length + 1;
  const end = `trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${text.length}\n%%EOF\n`;
  return Buffer.from(`${text}xref\n0 ${size}\n0000000000 65535 f \n${offsets.join('')}${end}`, 'latin1');
}

export function pdfStream(content: string, entries = ''): string {
  return `<< ${entries} /Length ${content.length} >>\nstream\n${content}\nendstream`;
}

/** The head of a PNG of this size, and nothing else of it. */
export function pngHead(width: number, height: number): Buffer {
  const header = Buffer.alloc(17);
  header.write('IHDR', 0, 'latin1');
  header.writeUInt32BE(width, 4);
  header.writeUInt32BE(height, 8);
  header.set([8, 0, 0, 0, 0], 12);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d', 'hex'), header, uint32(crc32(header))]);
}

/** The same PNG, followed by a second frame of the same picture (APNG). */
export function animated(png: Buffer): Buffer {
  const header = png.subarray(0, 33);
  const picture = png.subarray(33, -12);
  const [width, height] = [png.subarray(16, 20), png.subarray(20, 24)];
  const frame = (number: number) =>
    pngChunk('fcTL', Buffer.concat([uint32(number), width, height, Buffer.alloc(8), Buffer.from([0, 1, 0, 10, 0, 0])]));
  const data = Buffer.concat([uint32(2), picture.subarray(8, -4)]);
  return Buffer.concat([
    header,
    pngChunk('acTL', Buffer.concat([uint32(2), uint32(0)])),
    frame(0),
    picture,
    frame(1),
    pngChunk('fdAT', data),
    png.subarray(-12),
  ]);
}

/** These pictures, as WebP, as the frames of one. */
export function animatedWebp(width: number, height: number, pictures: readonly Buffer[]): Buffer {
  const size = Buffer.concat([uint24(width - 1), uint24(height - 1)]);
  const frames = pictures.map((picture) =>
    riffChunk('ANMF', Buffer.concat([Buffer.alloc(6), size, uint24(100), Buffer.alloc(1), pixelsOf(picture)])),
  );
  const head = riffChunk('VP8X', Buffer.concat([Buffer.from([2, 0, 0, 0]), size]));
  return riffChunk('RIFF', Buffer.concat([Buffer.from('WEBP'), head, riffChunk('ANIM', Buffer.alloc(6)), ...frames]));
}

/** The chunk of a WebP that has its pixels. */
function pixelsOf(webp: Buffer): Buffer {
  for (let at = 12; at < webp.length; ) {
    const length = webp.readUInt32LE(at + 4);
    const end = at + 8 + length + (length % 2);
    if (webp.toString('latin1', at, at + 3) === 'VP8' && webp[at + 3] !== 0x58) return webp.subarray(at, end);
    at = end;
  }
  throw new Error('a WebP without pixels');
}

function riffChunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(data.length);
  return Buffer.concat([Buffer.from(type), length, data, Buffer.alloc(data.length % 2)]);
}

function uint24(value: number): Buffer {
  return Buffer.from([value & 0xff, (value >> 8) & 0xff, value >> 16]);
}

function deflatedZip(parts: Readonly<Record<string, string | Buffer>>): Buffer {
  const written: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(parts)) {
    const [data, encoded] = [Buffer.from(content), Buffer.from(name)];
    const packed = deflateRawSync(data);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(encoded.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), common, rest, encoded]));
    written.push(Buffer.from('PK\x03\x04'), common, encoded, packed);
    offset += 30 + encoded.length + packed.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...written, index, Buffer.from('PK\x05\x06'), end]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  return Buffer.concat([uint32(data.length), named, uint32(crc32(named))]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
