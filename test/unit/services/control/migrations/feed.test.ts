import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MigrationView } from '../../../../../src/domain/migration/migration.js';
import { createMigrationFeed } from '../../../../../src/services/control/migrations/feed.js';

/** Of a ledger that holds these views; `looks` are the ids that each look named. */
let views: MigrationView[];
let looks: (readonly string[])[];

beforeEach(() => {
  vi.useFakeTimers();
  views = [view('one'), view('two')];
  looks = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function view(id: string, pending: MigrationView['pending'] = null): MigrationView {
  return { id, pending, status: 'running' } as MigrationView;
}

function feed() {
  return createMigrationFeed(async (ids) => {
    looks.push(ids);
    return views.filter(({ id }) => ids.includes(id));
  });
}

const oneLook = () => vi.advanceTimersByTimeAsync(400);

test('streams of one migration or several share each look, and only those whose migration changed are woken', async () => {
  const { watch } = feed();
  const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()];
  watch(view('one'), first);
  watch(view('one'), second);
  watch(view('two'), other);
  await oneLook();
  expect(looks).toEqual([['one', 'two']]);
  for (const woken of [first, second, other]) expect(woken).not.toHaveBeenCalled();
  views = [view('one', 'pause'), view('two')];
  await oneLook();
  expect(looks).toHaveLength(2);
  for (const woken of [first, second]) expect(woken.mock.calls).toEqual([[view('one', 'pause')]]);
  expect(other).not.toHaveBeenCalled();
});

test('a change between the first view of a stream and its first look is not missed', async () => {
  const { watch } = feed();
  watch(view('one'), vi.fn());
  views = [view('one', 'cancel')];
  await oneLook();
  const late = vi.fn();
  watch(view('one'), late);
  await oneLook();
  expect(late.mock.calls).toEqual([[view('one', 'cancel')]]);
});

test('nothing is read while no stream follows, nor after the last one stopped', async () => {
  const { watch } = feed();
  await oneLook();
  expect(looks).toEqual([]);
  const stop = watch(view('one'), vi.fn());
  await oneLook();
  stop();
  await vi.advanceTimersByTimeAsync(4000);
  expect(looks.length).toBeLessThanOrEqual(2);
  const woken = vi.fn();
  watch(view('two'), woken);
  views = [view('two', 'pause')];
  await oneLook();
  expect(woken).toHaveBeenCalledOnce();
});

test('a look that fails is repeated', async () => {
  let away = true;
  const { watch } = createMigrationFeed(async () => {
    if (away) throw new Error('away');
    return [view('one', 'pause')];
  });
  const woken = vi.fn();
  watch(view('one'), woken);
  await oneLook();
  away = false;
  await oneLook();
  expect(woken).toHaveBeenCalledOnce();
});
