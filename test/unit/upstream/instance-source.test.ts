import { afterEach, expect, test } from 'vitest';
import { createInstanceSource, type RegisteredInstance } from '../../../src/upstream/instance-source.js';
import { until } from '../../support/conditions.js';

/** What the registry says at the moment, and the source that follows it. */
let registered: readonly RegisteredInstance[] = [];
let active: string | null = null;
const instance = (instance_id: string, version: string, state: RegisteredInstance['state'] = 'ready') => ({
  instance_id,
  version,
  state,
  url: `http://127.0.0.1/${instance_id}`,
});
const source = createInstanceSource({
  cubeIds: ['saju-cube'],
  read: async () => registered,
  readVersion: async () => active,
  onError: () => undefined,
  everyMillis: 5,
});

afterEach(() => source.close());

test('gives the version that serves: the active one, or all that are ready, and the last one while none is', async () => {
  expect(source.versionOf('saju-cube')).toBe('');
  registered = [instance('one', '1'), instance('two', '2'), instance('three', '1')];
  await source.start();
  const both = source.versionOf('saju-cube');
  active = '1';
  const first = await until('the first', async () => {
    const version = source.versionOf('saju-cube');
    return version !== both && version;
  });
  expect(source.ready('saju-cube').map(({ id }) => id)).toEqual(['one', 'three']);
  active = '2';
  const second = await until('the second', async () => {
    const version = source.versionOf('saju-cube');
    return version !== first && version;
  });
  expect(new Set([both, first, second]).size).toBe(3);
  registered = [instance('two', '2', 'draining')];
  await until('nobody to be ready', () => source.ready('saju-cube').length === 0);
  expect(source.versionOf('saju-cube')).toBe(second);
  active = null;
  registered = [instance('four', '1')];
  await until('the first again', () => source.versionOf('saju-cube') === first);
});
