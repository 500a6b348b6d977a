import { describe, expect, test } from 'vitest';
import { parseAllowedTargets } from '../../../../src/domain/crawler/allowed-targets.js';
import { checkTargetUrl } from '../../../../src/domain/crawler/target-url.js';

const outcomeOf = (url: string | null, allowed = '', base?: string) =>
  checkTargetUrl(url, parseAllowedTargets(allowed), base).outcome;

describe('the URL of a job', () => {
  test.each([
    null,
    '',
    'no URL',
    '//host/',
    'ftp://host/',
    'file:///etc/passwd',
    'javascript:1',
    'data:text/html,x',
    'http://',
    'http://user@host/',
    'http://user:password@host/',
    'http://:password@host/',
    'http://256.1.1.1/',
    'http://[fe80::1%25eth0]/',
    'http://host:99999/',
  ])('%s is invalid', (url) => {
    expect(outcomeOf(url)).toBe('url_invalid');
  });

  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://127.0.0.1./',
    'http://１２７.０.０.１/',
    'http://①②⑦.0.0.1/',
    'http://0/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://10.0.0.1/',
    'https://192.168.0.1/',
    'http://8.8.8.8:22/',
    'http://host:8080/',
    'https://host:8443/',
    'http://host:1/',
  ])('%s is refused', (url) => {
    expect(outcomeOf(url)).toBe('url_refused');
  });

  test.each([
    'http://host/',
    'https://host/path?query',
    'HTTP://Host:80/',
    'https://host:443/',
    'http://host:443/',
    'http://8.8.8.8/',
    'http://[2606:4700:4700::1111]/',
    'http://xn--bj0bj06e.kr/',
    'http://한글.kr/',
  ])('%s is accepted', (url) => {
    expect(outcomeOf(url)).toBe('accepted');
  });

  test('may have an address and port that a setting allows, and a name with such a port', () => {
    expect(outcomeOf('http://127.77.0.1:8081/', '127.77.0.1/32:8081')).toBe('accepted');
    expect(outcomeOf('http://127.77.0.1/', '127.77.0.1/32:8081')).toBe('url_refused');
    expect(outcomeOf('http://site.test:8081/', '127.77.0.1/32:8081')).toBe('accepted');
    expect(outcomeOf('http://site.test:8082/', '127.77.0.1/32:8081')).toBe('url_refused');
  });

  test('is known by name and port, without a fragment', () => {
    const checked = checkTargetUrl('../list?a=1#part', [], 'https://Site.Test/a/b/c');
    expect(checked).toMatchObject({
      target: {
        href: 'https://site.test/a/list?a=1',
        path: '/a/list?a=1',
        host: 'site.test:443',
        hostname: 'site.test',
      },
    });
    expect(checkTargetUrl('http://[2606:4700::1]/', [])).toMatchObject({
      target: { host: '[2606:4700::1]:80', hostname: '2606:4700::1' },
    });
  });

  test('says in a sentence why it is refused', () => {
    expect(checkTargetUrl('http://0x7f.1/', [])).toMatchObject({
      detail: expect.stringContaining('127.0.0.1 is an address of the range “loopback”'),
    });
    expect(checkTargetUrl('http://host:22/', [])).toMatchObject({ detail: 'Port 22 is not permitted.' });
  });
});
