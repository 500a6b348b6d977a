import { expect, test } from 'vitest';
// @ts-expect-error A script without declarations: it runs before anything is installed or built.
import { npmFailure } from '../../../scripts/npm-failure.mjs';

const proxy = { HTTPS_PROXY: 'http://user:word@proxy.example:3128' };

test.each<[string, { stderr?: string; code?: string }, Record<string, string>, number, RegExp, RegExp]>([
  ['no npm', { code: 'ENOENT' }, {}, 1, /there is no npm on the PATH/, /^Install npm, then/],
  ['a full disk', { stderr: 'npm error code ENOSPC' }, {}, 1, /the disk of \/clone, or .* is full\.$/, /^Free 2 GB/],
  ["another user's folder", { stderr: 'npm error code EACCES' }, {}, 1, /may not write to \/clone/, /^Make both/],
  ['a refusing proxy', { stderr: 'status 407' }, proxy, 3, /proxy\.example:3128 .* demands/, /^Write them into HTTPS_/],
  [
    'a dead proxy',
    { stderr: 'code ECONNREFUSED' },
    proxy,
    3,
    /through the proxy proxy\.example:3128/,
    /^Correct HTTPS_/,
  ],
  [
    'a silent registry',
    { stderr: 'Response timeout' },
    {},
    3,
    /npm uses cannot be reached\.$/,
    /^See that this machine/,
  ],
  ['a foreign certificate', { stderr: 'SELF_SIGNED_CERT_IN_CHAIN' }, {}, 3, /not trusted here/, /NODE_EXTRA_CA_CERTS/],
  [
    'anything else',
    { stderr: 'npm error code EINTEGRITY user:word\nnpm error A complete log of this run can be found in: /log' },
    {},
    1,
    /`npm install` failed\.$/,
    /^See why in npm's log \/log, then type the same again\.$/,
  ],
])('%s is three sentences, without what npm wrote', (_, { stderr = '', code }, environment, exitCode, what, next) => {
  const failure = npmFailure({ stderr, code }, '/clone', environment);
  expect(failure).toEqual({
    exitCode,
    sentences: [expect.stringMatching(what), 'Nothing was started.', expect.stringMatching(next)],
  });
  expect(JSON.stringify(failure)).not.toContain('user:word');
});
