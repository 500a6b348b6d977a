import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas, GifEncoder } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docx } from '../../legacy/paperwork/documents/docx.js';
import { pdf } from '../../legacy/paperwork/documents/pdf.js';
import { type GreyPage, greyTiff } from '../../legacy/scanned-pages/grey-tiff.js';
import { defaultDocumentLimits } from '../../src/documents/document-limits.js';
import { DocumentPool } from '../../src/documents/document-pool.js';
import type { PageContent, ReadingKind } from '../../src/documents/page-content.js';
import {
  animated,
  animatedWebp,
  pdfOf,
  pdfStream,
  pngHead,
  wordDocument,
  workbook,
  zipBomb,
} from '../support/hostile-documents.js';

let folder: string;
let pool: DocumentPool;
/** What a document names that must not be fetched. */
let server: Server;
let address: string;
let connections = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hostile-documents-'));
  pool = new DocumentPool({ processes: 1 });
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const place = server.address();
  address = `http://127.0.0.1:${typeof place === 'object' ? place?.port : ''}/x`;
});
afterAll(async () => {
  await pool.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

async function read(content: Buffer | string, kind: ReadingKind): Promise<{ made: string; pages: PageContent[] }> {
  const file = join(folder, 'document');
  writeFileSync(file, content);
  const document = await pool.open(file, kind);
  try {
    const pages: PageContent[] = [];
    for (let page = 1; page <= document.pages; page++) pages.push(await document.readPage(page));
    return { made: document.madeBy, pages };
  } finally {
    await document.close();
  }
}

async function expectNextIsRead(): Promise<void> {
  expect((await read('다음 문서', 'text')).pages).toEqual([{ text: '다음 문서' }]);
  expect(connections).toBe(0);
}

interface Picture {
  readonly png: Buffer;
  readonly webp: Buffer;
  readonly pixels: Uint8Array;
  readonly grey: GreyPage;
}

function picture(text: string): Picture {
  const [width, height] = [400, 100];
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.fillStyle = 'black';
  context.font = '40px sans-serif';
  context.fillText(text, 20, 65);
  const { data } = context.getImageData(0, 0, width, height);
  const levels = Uint8Array.from({ length: width * height }, (_, at) => data[4 * at] ?? 0);
  return {
    png: canvas.toBuffer('image/png'),
    webp: canvas.toBuffer('image/webp'),
    pixels: new Uint8Array(data.buffer),
    grey: { width, height, levels },
  };
}

function gif(texts: readonly string[]): Buffer {
  const encoder = new GifEncoder(400, 100);
  for (const text of texts) encoder.addFrame(picture(text).pixels, 400, 100);
  return encoder.finish();
}

/** A GIF without the block that says how often it plays. */
function withoutRepeat(content: Buffer): Buffer {
  const at = content.indexOf('NETSCAPE2.0') - 3;
  return Buffer.concat([content.subarray(0, at), content.subarray(at + 19)]);
}

const page = '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>';
const onePage = '<< /Type /Pages /Kids [3 0 R] /Count 1 >>';
const ordinary = pdf(['안녕하세요'], '제목');

describe('a hostile document', () => {
  test.each<[string, string, ReadingKind, () => Buffer | string]>([
    ['a DOCX that is a zip bomb', 'archive_too_large', 'text', () => zipBomb('docx')],
    ['an XLSX that is a zip bomb', 'archive_too_large', 'tables', () => zipBomb('xlsx')],
    ['a PDF of 10,000 pages', 'too_many_pages', 'text', () => pdf(Array<string>(10_000).fill('쪽'), '많다')],
    [
      'a PDF of 10,000 pages to recognise',
      'too_many_pages',
      'ocr',
      () => pdf(Array<string>(10_000).fill('쪽'), '많다'),
    ],
    [
      'a PDF whose pages are pages of themselves',
      'document_damaged',
      'text',
      () => pdfOf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R] /Count 3 >>']),
    ],
    [
      'a PDF with a password',
      'password_protected',
      'text',
      () =>
        pdfOf(
          [
            '<< /Type /Catalog /Pages 2 0 R >>',
            onePage,
            page,
            `<< /Filter /Standard /V 1 /R 2 /P -4 /O <${'5a'.repeat(32)}> /U <${'a5'.repeat(32)}> >>`,
          ],
          '/Encrypt 4 0 R /ID [<00><00>]',
        ),
    ],
    ['a PDF that was cut off', 'document_damaged', 'text', () => ordinary.subarray(0, ordinary.length / 2)],
    ['a DOCX that was cut off', 'document_damaged', 'text', () => docx('잘린 문서').subarray(0, 900)],
    ['a picture of 50,000 × 50,000', 'image_too_large', 'ocr', () => pngHead(50_000, 50_000)],
    [
      'a TIFF of 50,000 × 50,000',
      'image_too_large',
      'ocr',
      () => greyTiff([{ width: 50_000, height: 50_000, levels: Buffer.alloc(10) }]),
    ],
    [
      'a picture of 50,000 × 50,000 in a PDF',
      'image_too_large',
      'ocr',
      () =>
        pdfOf([
          '<< /Type /Catalog /Pages 2 0 R >>',
          onePage,
          '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << /XObject << /I 4 0 R >> >> /Contents 5 0 R >>',
          pdfStream(
            'x',
            '/Type /XObject /Subtype /Image /Width 50000 /Height 50000 /ColorSpace /DeviceGray /BitsPerComponent 8',
          ),
          pdfStream('200 0 0 200 0 0 cm /I Do'),
        ]),
    ],
    [
      'bytes that begin as a PDF',
      'document_damaged',
      'text',
      () => Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(9000), Buffer.from('%%EOF')]),
    ],
    [
      'bytes that begin as a PNG, at which its decoder crashes',
      'crashed',
      'ocr',
      () => Buffer.concat([pngHead(100, 100), Buffer.alloc(900)]),
    ],
    ['a PDF to be read as a table', 'type_unsupported', 'tables', () => ordinary],
    [
      'a program',
      'type_unsupported',
      'text',
      () => Buffer.concat([Buffer.from('7f454c46020101', 'hex'), Buffer.alloc(900)]),
    ],
  ])('%s is refused as %s', async (_, reason, kind, content) => {
    await expect(read(content(), kind)).rejects.toMatchObject({ name: 'UnreadableDocument', reason });
    await expectNextIsRead();
  });

  test('that is a PDF with scripts and addresses is read, and neither runs nor fetches anything', async () => {
    const content = pdfOf([
      '<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (while \\(true\\) {}) >> >>',
      onePage,
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << /Font << /F 5 0 R >> >> /Contents 4 0 R /AA << /O << /S /URI /URI (${address}) >> >> >>`,
      pdfStream('BT /F 12 Tf 20 100 Td (safe) Tj ET'),
      '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
      `<< /F (${address}) >>`,
    ]);
    expect((await read(content, 'text')).pages).toEqual([{ text: 'safe' }]);
    await expectNextIsRead();
  });

  test('that is a DOCX with external entities gives nothing of what they name', async () => {
    const body = '<w:p><w:r><w:t>before &x; &y; after</w:t></w:r></w:p>';
    const entities = `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y SYSTEM "${address}">]>`;
    const found = await read(wordDocument(body, entities), 'text').then(
      ({ pages }) => JSON.stringify(pages),
      (error: { readonly reason?: string }) => error.reason,
    );
    expect(found).not.toContain('root:');
    await expectNextIsRead();
  });

  test('that is a DOCX with a remote template and a linked picture is read without them', async () => {
    const relation = (type: string) =>
      `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${address}" TargetMode="External"/></Relationships>`;
    const drawing =
      '<w:p><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData><pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill><a:blip xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" r:link="r9"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>';
    const content = wordDocument(`<w:p><w:r><w:t>본문</w:t></w:r></w:p>${drawing}`, '', {
      'word/_rels/document.xml.rels': relation('image'),
      'word/_rels/settings.xml.rels': relation('attachedTemplate'),
      'word/settings.xml':
        '<w:settings xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:attachedTemplate r:id="r9"/></w:settings>',
    });
    expect((await read(content, 'text')).pages).toEqual([{ text: '본문' }]);
    await expectNextIsRead();
  });

  test('that is an XLSX with a million empty rows has a limit of time, and ends alone', async () => {
    const rows = Array.from({ length: 1_000_000 }, (_, row) => `<row r="${row + 1}"/>`).join('');
    const file = join(folder, 'rows');
    writeFileSync(file, workbook(rows));
    const impatient = new DocumentPool({ processes: 1, limits: { ...defaultDocumentLimits, openMillis: 3000 } });
    try {
      const refusal = { name: 'UnreadableDocument', reason: 'time_exceeded' };
      await expect(impatient.open(file, 'tables')).rejects.toMatchObject(refusal);
      expect(impatient.processesReplaced).toBe(1);
    } finally {
      await impatient.close();
    }
    await expectNextIsRead();
  });

  test('that is a picture without text has the text that is empty', async () => {
    expect((await read(picture('').png, 'ocr')).pages).toEqual([{ text: '' }]);
    await expectNextIsRead();
  });

  test.each<[string, () => Buffer]>([
    ['PNG', () => animated(picture('First').png)],
    ['GIF', () => gif(['First', 'Second'])],
    ['GIF that plays once', () => withoutRepeat(gif(['First', 'Second']))],
    ['WebP', () => animatedWebp(400, 100, [picture('First').webp, picture('Second').webp])],
  ])('that is an animated %s is read in its first frame, and says so', async (_, content) => {
    const { made, pages } = await read(content(), 'ocr');
    expect(pages).toEqual([{ text: 'First' }]);
    expect(made).toMatch(/; first frame$/);
  });

  test('that is a GIF of one frame is no animated one', async () => {
    const { made, pages } = await read(gif(['First']), 'ocr');
    expect(pages).toEqual([{ text: 'First' }]);
    expect(made).not.toContain('first frame');
    await expectNextIsRead();
  });

  test('that is a TIFF of several pictures has a page for each', async () => {
    const content = greyTiff([picture('First').grey, picture('Second').grey]);
    expect((await read(content, 'ocr')).pages).toEqual([{ text: 'First' }, { text: 'Second' }]);
    await expectNextIsRead();
  });
});

describe('Korean text', () => {
  test('of a PDF is composed, whatever the PDF has', async () => {
    const text = '한글은 소리글자';
    const letters = [...new Set(text.normalize('NFD'))];
    const code = (letter: string) => (letters.indexOf(letter) + 1).toString(16).padStart(2, '0');
    const hex = (letter: string) => (letter.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
    const map = letters.map((letter) => `<${code(letter)}> <${hex(letter)}>`).join('\n');
    const content = pdfOf([
      '<< /Type /Catalog /Pages 2 0 R >>',
      onePage,
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 900 200] /Resources << /Font << /F 5 0 R >> >> /Contents 4 0 R >>',
      pdfStream(`BT /F 12 Tf 20 100 Td <${[...text.normalize('NFD')].map(code).join('')}> Tj ET`),
      '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>',
      pdfStream(
        `/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange ${letters.length} beginbfchar\n${map}\nendbfchar endcmap end end`,
      ),
    ]);
    expect((await read(content, 'text')).pages).toEqual([{ text }]);
  });

  test('in EUC-KR, and in CP949 beyond it, is read', async () => {
    const { made, pages } = await read(Buffer.from('b0a1b3aab4d98c630a', 'hex'), 'text');
    expect(pages).toEqual([{ text: '가나다똠\n' }]);
    expect(made).toContain('cp949');
  });
});
