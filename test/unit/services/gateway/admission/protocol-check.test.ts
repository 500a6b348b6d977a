import { expect, test } from 'vitest';
import { OtherLines } from '../../../../../src/services/gateway/admission/protocol-check.js';

function told(chunks: readonly string[], method = 'GET', url = '/2'): boolean {
  const lines = new OtherLines();
  for (const chunk of chunks) lines.see(Buffer.from(chunk, 'latin1'));
  return lines.has(method, url);
}

const head = '\r\nHost: heal7\r\n\r\n';
const first = `GET /1 HTTP/1.1${head}`;

test.each([
  ['RTSP', `GET /2 RTSP/1.1${head}`, 'GET'],
  ['RTSP behind spaces', `GET   /2   RTSP/1.1${head}`, 'GET'],
  ['ICE', `SOURCE /2 ICE/1.0${head}`, 'SOURCE'],
  ['RTSP behind a body', `abcGET /2 RTSP/1.1${head}`, 'GET'],
])('%s is found wherever it is cut', (_, text, method) => {
  const whole = first + text;
  for (let one = 1; one < whole.length; one += 1)
    for (let two = one; two < whole.length; two += 7)
      expect(told([whole.slice(0, one), whole.slice(one, two), whole.slice(two)].filter(Boolean), method)).toBe(true);
  expect(told([whole], method)).toBe(true);
  expect(told([...whole], method)).toBe(true);
});

test.each([
  ['HTTP', `GET /2 HTTP/1.1${head}`],
  ['RTSP of another URL', `GET /22 RTSP/1.1${head}GET /2 HTTP/1.1${head}`],
  ['a header that names it', 'GET /2 HTTP/1.1\r\nX-A: RTSP/1.1\r\nUpgrade: RTSP/1.0, ICE/1.0\r\n\r\n'],
  ['a URL that names it', `GET /2 HTTP/1.1\r\nReferer: /2 RTSP/1.1 is what it was${head}`],
])('%s is none', (_, text) => {
  expect(told([first + text])).toBe(false);
});

test('a flood of spaces hides nothing', () => {
  expect(told([`GET /2${' '.repeat(40_000)}`, ' '.repeat(40_000), `RTSP/1.1${head}`])).toBe(true);
});

test('a flood of such lines hides nothing', () => {
  expect(told(['GET /1 RTSP/1.1\r\n'.repeat(5000), `GET /2 RTSP/1.1${head}`])).toBe(true);
});

test('lines before a request in its chunks do not count for the next request', () => {
  const lines = new OtherLines();
  lines.see(Buffer.from('POST /1 HTTP/1.1\r\nContent-Length: 17\r\n\r\n'));
  expect(lines.has('POST', '/1')).toBe(false);
  lines.see(Buffer.from('GET /2 RTSP/1.1\r\n'));
  lines.see(Buffer.from(`GET /3 HTTP/1.1${head}`));
  expect(lines.has('GET', '/3')).toBe(false);
  lines.see(Buffer.from(`GET /2 HTTP/1.1${head}`));
  expect(lines.has('GET', '/2')).toBe(false);
});
