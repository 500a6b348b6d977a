import { filesRoot } from '../rows.js';
import { file, link, type SpecialFile, stored } from './special-file.js';

const original = '원본\n';
const size = Buffer.byteLength(original);
const shared = '한 내용, 두 이름\n';

/** Several paths to one file, all inside. */
export const links: readonly SpecialFile[] = [
  stored('link-target', '링크/원본.txt', original),
  {
    name: 'link-relative',
    row: { path: '링크/상대.txt', size },
    entries: [link('링크/상대.txt', '원본.txt')],
  },
  {
    name: 'link-absolute',
    row: { path: '링크/절대.txt', size },
    entries: [link('링크/절대.txt', `${filesRoot}링크/원본.txt`)],
  },
  {
    name: 'link-to-a-link',
    row: { path: '링크/사슬.txt', size },
    entries: [link('링크/사슬.txt', '상대.txt')],
  },
  {
    name: 'link-out-and-back',
    row: { path: '링크/돌아옴.txt', size },
    entries: [link('링크/돌아옴.txt', '../../files/링크/원본.txt')],
  },
  {
    name: 'link-to-its-folder',
    row: { path: '링크/폴더/원본.txt', size },
    entries: [link('링크/폴더', '.')],
  },
  stored('hard-link-1', '링크/이름 하나.txt', shared),
  {
    name: 'hard-link-2',
    row: { path: '링크/이름 둘.txt', size: Buffer.byteLength(shared) },
    entries: [{ kind: 'hard link', path: '링크/이름 둘.txt', to: '링크/이름 하나.txt' }],
  },
];

const secret = '밖에 있는 비밀\n';

/** Paths that lead out of the folder, or in a circle. */
export const linksAstray: readonly SpecialFile[] = [
  {
    name: 'outside-link',
    row: { path: '밖/링크.txt', size: Buffer.byteLength(secret) },
    entries: [file('../outside/secret.txt', secret), link('밖/링크.txt', '../../outside/secret.txt')],
    results: 2,
  },
  {
    name: 'outside-folder',
    row: { path: '밖/폴더/secret.txt', size: Buffer.byteLength(secret) },
    entries: [link('밖/폴더', '../../outside')],
  },
  {
    name: 'outside-absolute',
    row: { path: '밖/장치', size: null },
    entries: [link('밖/장치', '/dev/null')],
  },
  {
    // A prefix of the folder's own name is not the folder.
    name: 'outside-neighbour',
    row: { path: '밖/이웃.txt', size: null },
    entries: [file('../files-2/이웃.txt', '이웃\n'), link('밖/이웃.txt', '../../files-2/이웃.txt')],
  },
  {
    name: 'loop-of-one',
    row: { path: '고리/자신', size: 1 },
    entries: [link('고리/자신', '자신')],
  },
  {
    name: 'loop-of-two',
    row: { path: '고리/하나', size: null },
    entries: [link('고리/하나', '둘'), link('고리/둘', '하나')],
  },
  {
    name: 'link-to-nothing',
    row: { path: '고리/끊김', size: null },
    entries: [link('고리/끊김', '없음')],
  },
];
