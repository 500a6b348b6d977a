import { Random } from '../../random.js';
import { docx } from '../documents/docx.js';
import { pdf } from '../documents/pdf.js';
import { png } from '../documents/png.js';
import { type SpecialFile, sparseFile, stored } from './special-file.js';

const picture = png(new Random(1), 24);
const page = '<!doctype html><script>alert(document.cookie)</script>\n';
const same = '같은 내용\n'.repeat(100);
/** `한글 문서` in CP949. */
const cp949Text = Buffer.from([0xc7, 0xd1, 0xb1, 0xdb, 0x20, 0xb9, 0xae, 0xbc, 0xad, 0x0a]);

/** Contents, and what rows say of them. */
export const contents: readonly SpecialFile[] = [
  stored('empty', '내용/빈 파일.txt', ''),
  stored('empty-of-unknown-size', '내용/크기 모름.txt', '', { size: null }),
  stored('size-unknown', '내용/크기 모름.pdf', pdf(['크기를 모르는 문서'], '크기'), { size: null }),
  stored('one-byte', '내용/한 바이트', 'x', { mime_type: null }),
  stored('zeros', '내용/영.bin', Buffer.alloc(70_000), { mime_type: 'application/octet-stream' }),
  stored('same-1', '내용/같음 1.txt', same),
  stored('same-2', '내용/같음 2.txt', same),
  stored('same-3', '내용/사본/같음.txt', same),
  stored('text-cp949', '내용/옛 문서.txt', cp949Text, { mime_type: 'text/plain; charset=euc-kr' }),
  stored('document', '내용/계약서.docx', docx('계약서\n갑과 을은 <신의>와 성실로써 & 이행한다.'), {
    mime_type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  }),
  stored('lies-png-as-pdf', '거짓/그림.pdf', picture, { mime_type: 'application/pdf' }),
  stored('lies-html-as-png', '거짓/쪽.png', page, { mime_type: 'image/png' }),
  stored('lies-pdf-as-text', '거짓/글.txt', pdf(['글이 아님'], '거짓'), { mime_type: 'text/plain' }),
  stored('type-header', '거짓/머리글.txt', 'a\n', { mime_type: 'text/plain\r\nX-Injected: 1' }),
  stored('type-nonsense', '거짓/아무거나.txt', 'b\n', { mime_type: '한글/문서 ' }),
  stored('type-empty', '거짓/빈 종류.txt', 'c\n', { mime_type: '' }),
  stored('type-unknown', '거짓/모름.png', picture, { mime_type: null }),
  stored('metadata-null', '내용/메타 없음.txt', 'd\n', { metadata: null }),
  stored('metadata-json-null', '내용/메타 널.txt', 'e\n', { metadata: 'null' }),
  stored('metadata-number', '내용/메타 수.txt', 'f\n', { metadata: '12345678901234567890.123456789012345678901' }),
  stored('metadata-odd', '내용/메타 이상.txt', 'g\n', {
    // A member `__proto__`, an empty name, NFC and NFD, and the text of an escape.
    metadata: `{"__proto__": null, "": "", "nfc": "${'각'.normalize('NFC')}", "nfd": "${'각'.normalize('NFD')}", "escape": "\\\\u0000", "list": [1, [2, [3, []]]]}`,
  }),
  stored('metadata-large', '내용/메타 큼.txt', 'h\n', { metadata: JSON.stringify({ 본문: '가나다라'.repeat(8000) }) }),
  stored('created-null', '시각/없음.txt', 'i\n', { created_at: null }),
  stored('created-microseconds', '시각/마이크로.txt', 'j\n', { created_at: '2019-12-31 23:59:59.999999+00' }),
  stored('created-in-year-1', '시각/첫해.txt', 'k\n', { created_at: '0001-01-01 00:00:00+00' }),
  stored('created-in-year-9999', '시각/마지막.txt', 'l\n', { created_at: '9999-12-31 23:59:59.999999+00' }),
  // Tests write to these while they are copied.
  stored('appended-to', '변함/자람.log', '2017-03-03 시작\n'.repeat(2000), { size: null }),
  stored('replaced', '변함/바뀜.bin', Buffer.alloc(40_000, 'old '), { mime_type: 'application/octet-stream' }),
];

/** Larger than 2 GiB, and few blocks on the disk. */
const largeBytes = 2 ** 31 + 1;

export const large: SpecialFile = {
  name: 'large',
  row: { path: '내용/2기가보다 큼.bin', size: largeBytes, mime_type: 'application/octet-stream' },
  entries: [sparseFile('내용/2기가보다 큼.bin', largeBytes)],
};
