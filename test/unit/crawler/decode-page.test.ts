import iconv from 'iconv-lite';
import { describe, expect, test } from 'vitest';
import { decodePage } from '../../../src/crawler/fetching/decode-page.js';

const text = '<title>똠방각하와 펲시콜라</title> 사주 명리';
const cp949 = iconv.encode(text, 'cp949');
const utf8 = Buffer.from(text);

describe('a page', () => {
  test.each([
    ['without a word on its encoding', undefined, ''],
    ['that says so in its header', 'text/html; charset=EUC-KR', ''],
    [
      'that says so in its meta',
      'text/html',
      '<meta http-equiv="Content-Type" content="text/html; charset=ks_c_5601-1987">',
    ],
    ['whose header claims UTF-8', 'text/html; charset=utf-8', ''],
    ['whose header claims the default of old servers', 'text/html; charset=ISO-8859-1', ''],
    ['whose meta claims what no program knows', 'text/html', '<meta charset=x-unknown>'],
    ['whose meta claims UTF-16, which it cannot be', 'text/html', '<meta charset=utf-16>'],
  ])('in CP949 %s is read with all its letters', (_, contentType, meta) => {
    expect(decodePage(Buffer.concat([Buffer.from(meta), cp949]), contentType)).toBe(meta + text);
  });

  test.each([
    'text/html',
    'text/html; charset=euc-kr',
    'text/html; charset=windows-1252',
    'text/html; charset="utf-8"',
    undefined,
  ])('in UTF-8 is read as that, whatever is claimed: %s', (contentType) => {
    expect(decodePage(utf8, contentType)).toBe(text);
  });

  test('is read by its byte order mark', () => {
    expect(decodePage(Buffer.from(`\ufeff${text}`), 'text/html; charset=euc-kr')).toBe(text);
    expect(decodePage(Buffer.from(`\ufeff${text}`, 'utf16le'), undefined)).toBe(text);
  });

  test('of one word in EUC-KR that happens to be UTF-8 is read as it claims', () => {
    const bytes = iconv.encode('짠', 'cp949');
    expect(decodePage(bytes, 'text/html; charset=euc-kr')).toBe('짠');
  });

  test('in another encoding is read as it claims, where its bytes are no Korean', () => {
    const western = 'Überraschung: café, naïve façade';
    expect(decodePage(iconv.encode(western, 'latin1'), 'text/html; charset=iso-8859-1')).toBe(western);
    const japanese = '占いの館';
    expect(decodePage(iconv.encode(japanese, 'shift_jis'), 'text/html; charset=Shift_JIS')).toBe(japanese);
  });

  test('with a damaged byte loses that letter alone', () => {
    const damagedUtf8 = Buffer.concat([utf8, Buffer.from([0xff]), utf8]);
    expect(decodePage(damagedUtf8, 'text/html; charset=utf-8')).toBe(`${text}\ufffd${text}`);
    const damagedKorean = Buffer.concat([cp949, Buffer.from([0xff]), Buffer.from(' '), cp949]);
    expect(decodePage(damagedKorean, 'text/html; charset=euc-kr')).toContain('똠방각하와 펲시콜라');
  });
});
