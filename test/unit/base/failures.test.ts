import { describe, expect, test } from 'vitest';
import {
  Failure,
  failureRule,
  failureTypes,
  isFailureType,
  kindAndPlace,
  reportFailure,
  toFailure,
} from '../../../src/base/failures.js';

const secret = '홍길동 1990-05-15';

describe('the one door', () => {
  test('lets a known failure through as it is', () => {
    const failure = new Failure('disk_full', 'The disk is full.');
    expect(toFailure(failure, () => new Failure('unexpected', 'another'))).toBe(failure);
  });

  test('takes the failure of the module that knows the technology', () => {
    const translated = new Failure('cube_unreachable', 'The cube database cannot be reached.');
    expect(toFailure(new Error(secret), () => translated)).toBe(translated);
  });

  test.each([
    ['an Error', new Error(secret)],
    ['an Error of another kind', new RangeError(secret)],
    ['an Error with a cause', new Error(secret, { cause: new Error(secret) })],
    ['a text', secret],
    ['an object', { message: secret }],
    ['null', null],
    ['undefined', undefined],
    ['a symbol', Symbol(secret)],
  ])('never lets the text of %s out, and keeps it as cause', (_name, thrown) => {
    for (const failure of [toFailure(thrown), toFailure(thrown, () => undefined)]) {
      expect(failure.type).toBe('unexpected');
      expect(failure.cause).toBe(thrown ?? failure.cause);
      expect(JSON.stringify([reportFailure(failure), failure.details, String(failure)])).not.toContain('홍길동');
    }
  });

  test('names the kind of an unknown error', () => {
    expect(toFailure(new RangeError(secret)).message).toContain('RangeError');
    expect(toFailure(secret).message).toContain('string');
  });
});

describe('a failure', () => {
  test('of every type says what to do next, in a sentence', () => {
    for (const type of failureTypes) {
      expect(failureRule(type).hint).toMatch(/^[A-Z].+\.$/);
      expect(new Failure(type, 'So it is.').hint).toBe(failureRule(type).hint);
    }
  });

  test('of every type has an HTTP status of an error', () => {
    for (const type of failureTypes) {
      expect(failureRule(type).httpStatus).toBeGreaterThanOrEqual(400);
      expect(failureRule(type).httpStatus).toBeLessThan(600);
    }
  });

  test('that its caller alone can mend is never retried', () => {
    for (const type of failureTypes.filter((one) => failureRule(one).actor === 'caller')) {
      expect([type, failureRule(type).retryable]).toEqual([type, false]);
      expect(failureRule(type).httpStatus).toBeLessThan(500);
    }
  });

  test('is retried or not as its type says, never both', () => {
    for (const type of failureTypes) {
      expect(new Failure(type, 'So it is.').retryable).toBe(failureRule(type).retryable);
    }
  });

  test('leaves with type, sentence and hint, and nothing else', () => {
    const failure = new Failure('conflict', 'It exists.', {
      cause: new Error(secret),
      details: { id: 'a' },
      hint: 'Look.',
    });
    expect(reportFailure(failure)).toEqual({ type: 'conflict', message: 'It exists.', hint: 'Look.' });
  });
});

test('only the names of the set are types', () => {
  for (const type of failureTypes) expect(isFailureType(type)).toBe(true);
  for (const other of ['', 'Error', 'toString', '__proto__', 'constructor', 1, null, undefined])
    expect(isFailureType(other)).toBe(false);
});

describe('kind and place of an error', () => {
  test.each(['', secret, `a\nb\n    at ${secret} (row:1:1)`, '    at b'])(
    'hold nothing of its message %j',
    (message) => {
      expect(kindAndPlace(new RangeError(message), 1)).toMatch(/^RangeError at [^홍]*failures\.test\.ts[^홍]*$/);
      expect(kindAndPlace(new RangeError(message), 6).split(' at ').length).toBeGreaterThan(3);
    },
  );

  test('are the kind alone when the message was changed after the stack was made', () => {
    const error = new TypeError(secret);
    expect(error.stack).toContain(secret);
    error.message = 'another';
    expect(kindAndPlace(error, 6)).toBe('TypeError');
  });
});
