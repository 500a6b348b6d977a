import { file, link, type SpecialFile, stored } from './special-file.js';

const hangul = '각서와 합의서.txt';
/** `한글` in CP949: bytes that are not UTF-8, and that no row can name. */
const cp949Name = Buffer.from([0xc7, 0xd1, 0xb1, 0xdb]);
const at = (folder: string, name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name]);

/** Names that programs confuse, cut, escape or take for something else. */
export const names: readonly SpecialFile[] = [
  stored('name-nfc', `이름/${hangul}`.normalize('NFC'), 'NFC\n'),
  stored('name-nfd', `${'이름'.normalize('NFC')}/${hangul.normalize('NFD')}`, 'NFD\n'),
  stored('folder-nfd', `${'이름'.normalize('NFD')}/${hangul.normalize('NFC')}`, 'folder in NFD\n'),
  stored('name-spaces', '이름/  앞뒤 공백  .txt  '),
  stored('name-only-a-space', '이름/ '),
  stored('name-quotes', `이름/"큰따옴표" '작은따옴표' \`역따옴표\`.txt`),
  stored('name-newline', '이름/첫째 줄\n둘째 줄.txt'),
  stored('name-header', '이름/보고서.txt\r\nSet-Cookie: admin=1\r\n\r\n<script>alert(1)</script>'),
  stored('name-control-characters', '이름/\u0001\u0008\u001b[31m빨강\u001b[0m\u007f\u0085.txt'),
  stored('name-tab', '이름/탭\t탭.tsv'),
  stored('name-backslash', '이름/..\\..\\창문.txt'),
  stored('name-percent', '이름/%2e%2e%2f%00 100%.txt'),
  stored('name-url', '이름/물음표?우물정#앤드&등호=세미콜론;.txt'),
  stored('name-shell', '이름/-rf $(reboot) * ~.txt'),
  stored('name-dots', '이름/...'),
  stored('name-hidden', '이름/.숨김'),
  stored('name-emoji', '이름/👨‍👩‍👧‍👦🇰🇷.txt'),
  stored('name-right-to-left', '이름/청구서\u202egnp.exe'),
  stored('name-combining-only', '이름/\u0301\u0308'),
  stored('name-replacement-character', '이름/\ufffd\ufffd.txt'),
  stored('name-case-upper', '이름/README.TXT', 'upper\n'),
  stored('name-case-lower', '이름/readme.txt', 'lower\n'),
  stored('name-255-bytes', `이름/${'가'.repeat(83)}ab.txt`),
  stored('name-partial', '이름/.part'),
  stored('path-deep', `깊이/${Array.from({ length: 100 }, (_, place) => `단계-${place}`).join('/')}/끝.txt`),
  {
    ...stored('path-not-normal', './/정리//./안 됨.txt'),
    entries: [file('정리/안 됨.txt', 'path-not-normal\n')],
  },
  // The names of these are bytes that no row can hold.
  { name: 'no-row-cp949', entries: [file(at('이름', cp949Name), 'CP949\n')] },
  { name: 'no-row-cp949-folder', entries: [file(Buffer.concat([cp949Name, Buffer.from('/안.txt')]), 'in CP949\n')] },
  {
    name: 'link-to-cp949',
    row: { path: '이름/씨피949.txt', size: 6 },
    entries: [link('이름/씨피949.txt', cp949Name)],
  },
  // What a program that died in an upload leaves.
  {
    name: 'no-row-upload',
    entries: [file('uploads/5f0c3c1e-8a77-4d6e-9d3b-0c8e6a1d2f34/.part', 'half an upl')],
  },
  { name: 'no-row-plain', entries: [file('이름/행 없음.txt', 'no row names this\n')] },
];
