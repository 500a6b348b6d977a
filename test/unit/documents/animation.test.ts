import { expect, test } from 'vitest';
import { isAnimated } from '../../../src/documents/reading/animation.js';

const head = Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1');
const frame = Buffer.from('2c00000000010001000002024c0100', 'hex');
const end = Buffer.from(';');

test('a GIF has as many frames as it has blocks of them', () => {
  expect(isAnimated(Buffer.concat([head, frame, end]))).toBe(false);
  expect(isAnimated(Buffer.concat([head, frame, frame, end]))).toBe(true);
  // With palettes of its own and of the frame, and a comment in which there is a comma.
  const palettes = Buffer.from(head);
  palettes[10] = 0x80;
  const own = Buffer.from(frame);
  own[9] = 0x80;
  const withPalette = Buffer.concat([own.subarray(0, 10), Buffer.alloc(6, 0x2c), own.subarray(10)]);
  const comment = Buffer.from('21fe022c2c00', 'hex');
  const picture = [palettes, Buffer.alloc(6, 0x2c), comment, withPalette];
  expect(isAnimated(Buffer.concat([...picture, end]))).toBe(false);
  expect(isAnimated(Buffer.concat([...picture, withPalette, end]))).toBe(true);
});

test('a picture that was cut off anywhere is none of several frames', () => {
  const whole = Buffer.concat([head, frame, frame.subarray(0, 1)]);
  for (let length = 4; length < whole.length; length++) expect(isAnimated(whole.subarray(0, length))).toBe(false);
});
