import { expect, test } from 'vitest';
import { describeVersion } from '../../../src/base/build.js';
import { packageVersion } from '../../../src/base/package-root.js';

const commit = '0123456789abcdef0123456789abcdef01234567';

test.each([
  [{ commit, changed: false }, `commit ${commit}`],
  [{ commit, changed: true }, `commit ${commit} with changes`],
  [{ commit: null, changed: false }, 'commit unknown'],
])('the version of %j says %s, and which Node.js runs', (build, said) => {
  expect(describeVersion(build)).toBe(`cubeshift ${packageVersion()}, ${said}, Node.js ${process.versions.node}`);
});
