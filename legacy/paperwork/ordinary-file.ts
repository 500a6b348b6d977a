import type { Random } from '../random.js';
import { docx } from './documents/docx.js';
import { koreanText, koreanTitle } from './documents/korean-text.js';
import { pdf } from './documents/pdf.js';
import { png } from './documents/png.js';
import type { Entry, FileRow } from './rows.js';

export interface OrdinaryFile {
  readonly row: FileRow;
  readonly entry: Entry;
}

interface Form {
  readonly extension: string;
  readonly mimeType: string;
  readonly make: (random: Random, title: string) => Buffer;
}

const text: Form = {
  extension: 'txt',
  mimeType: 'text/plain',
  make: (random) => Buffer.from(koreanText(random, random.between(100, 6000))),
};
const forms: readonly [Form, ...Form[]] = [
  text,
  text,
  {
    extension: 'pdf',
    mimeType: 'application/pdf',
    make: (random, title) =>
      pdf(
        Array.from({ length: random.between(1, 3) }, () => koreanText(random, random.between(200, 1200))),
        title,
      ),
  },
  {
    extension: 'docx',
    mimeType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    make: (random) => docx(koreanText(random, random.between(200, 4000))),
  },
  { extension: 'png', mimeType: 'image/png', make: (random) => png(random, random.between(8, 64)) },
];

/** Blank forms, that many people have sent in as they are. */
const blanks = ['개인정보 동의서 양식', '위임장 양식', '환불 신청서 양식'] as const;

/** A file as most are: uploaded once, never changed, here and there under a name in NFD, as a Mac sends it, or a blank form. */
export function ordinaryFile(random: Random, id: number): OrdinaryFile {
  const created = Date.UTC(2015, 0, 1) + Math.floor(random.next() * 10 * 365.25 * 86_400_000);
  const title = koreanTitle(random);
  const isBlank = random.chance(0.08);
  const form = random.pick(forms);
  const isDecomposed = random.chance(0.1);
  const name = `${title} ${id}.${isBlank ? 'txt' : form.extension}`.normalize(isDecomposed ? 'NFD' : 'NFC');
  const day = new Date(created).toISOString().slice(0, 10).replaceAll('-', '/');
  const path = `${day}/${name}`;
  const content = isBlank ? Buffer.from(`${random.pick(blanks)}\n\n성명: \n서명: \n`) : form.make(random, title);
  const isSizeKnown = random.chance(0.97);
  return {
    row: {
      id,
      path,
      size: isSizeKnown ? content.length : null,
      mime_type: isBlank ? 'text/plain' : form.mimeType,
      metadata: random.chance(0.8) ? JSON.stringify({ user_id: `user-${random.between(1, 5000)}`, title }) : null,
      created_at: new Date(created).toISOString(),
    },
    entry: { kind: 'file', path, content: () => content, modified: Math.floor(created / 1000) },
  };
}
