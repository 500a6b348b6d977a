import { createCanvas } from '@napi-rs/canvas';
import { canvasOf, type GreyPicture, greyOf } from './grey-picture.js';

/** How far a speck of dust differs from what is around it. */
const speckContrast = 40;
/** Below this standard deviation a picture is left sharp: strokes of small letters are as thin as what blurring takes away. */
const visibleNoise = 3;

/** Takes out dust and grain of a scanner; a picture that has none stays as it is. */
export function removeNoise(picture: GreyPicture): GreyPicture {
  if (noiseOf(picture) < visibleNoise) return picture;
  const { width, height } = picture;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.filter = 'blur(1px)';
  context.drawImage(canvasOf(removeSpecks(picture)), 0, 0);
  return greyOf(canvas);
}

/**
 * The standard deviation of the grain, from the middle one of the differences between points that are two apart: most of them are paper,
 * and what compression does to neighbours does not make them alike.
 */
function noiseOf({ width, height, levels }: GreyPicture): number {
  const counts = new Uint32Array(256);
  let total = 0;
  for (let y = 0; y < height; y++) {
    for (let at = y * width; at < (y + 1) * width - 2; at++) {
      const difference = Math.abs((levels[at + 2] ?? 0) - (levels[at] ?? 0));
      counts[difference] = (counts[difference] ?? 0) + 1;
      total += 1;
    }
  }
  let median = 0;
  for (let seen = counts[0] ?? 0; 2 * seen < total; seen += counts[median] ?? 0) median += 1;
  // Of normal noise half is within 0.6745 standard deviations, and a difference has two of it.
  return median / (0.6745 * Math.SQRT2);
}

/** Gives points that have no like next to them the middle one of the levels around them. Lines of one pixel stay. */
function removeSpecks({ width, height, levels }: GreyPicture): GreyPicture {
  const cleaned = new Uint8Array(levels);
  const around = new Uint8Array(9);
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const own = levels[at] ?? 0;
      for (let place = 0; place < 9; place++)
        around[place] = levels[at + (Math.trunc(place / 3) - 1) * width + (place % 3) - 1] ?? 0;
      if (alike(around, own) > 2) continue;
      const middle = around.sort()[4] ?? 0;
      if (Math.abs(own - middle) > speckContrast) cleaned[at] = middle;
    }
  }
  return { width, height, levels: cleaned };
}

function alike(around: Uint8Array, own: number): number {
  let count = 0;
  for (const level of around) if (Math.abs(level - own) <= speckContrast) count += 1;
  return count;
}
