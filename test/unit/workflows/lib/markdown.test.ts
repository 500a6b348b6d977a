import { expect, test } from 'vitest';
import { plainText } from '../../../../src/workflows/lib/markdown.js';

test.each([
  ['<img src=x>', String.raw`\<img src=x\>`],
  // An escape that the text brings must not cancel the one before the bracket.
  [String.raw`\<img src=x>`, String.raw`\\\<img src=x\>`],
  [String.raw`\<a href="https://a.example">b</a>`, String.raw`\\\<a href="https: //a.example"\>b\</a\>`],
  [String.raw`\\<b>`, String.raw`\\\\\<b\>`],
  ['&lt;b&gt;', String.raw`\&lt;b\&gt;`],
  ['![a](b) [c](d)', String.raw`\!\[a\]\(b\) \[c\]\(d\)`],
  ['see https://a.example and www.b.example', 'see https: //a.example and www .b.example'],
  ['one\n\n| two |\r\n* three', String.raw`one \| two \| \* three`],
  ['run `cubeshift doctor`', 'run `cubeshift doctor`'],
])('%j reaches the Web UI as text', (text, markdown) => {
  expect(plainText(text)).toBe(markdown);
});
