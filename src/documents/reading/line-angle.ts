import type { GreyPicture } from './grey-picture.js';

const maxDegrees = 10;
/** Pixels of the width at which angles are tried: lines of text are still apart. */
const triedWidth = 700;
const inkLevel = 160;
/** How much clearer lines must be than those that are level: a picture without lines is not turned. */
const clearer = 1.05;

/** By how many degrees lines of text fall to the right: those at which rows of pixels differ most in how much ink they have. */
export function lineAngle(picture: GreyPicture): number {
  const shrink = Math.max(1, Math.round(picture.width / triedWidth));
  const ink = inkOf(picture, shrink);
  const height = Math.ceil(picture.height / shrink);
  const width = Math.ceil(picture.width / shrink);
  const clarity = (degrees: number) => rowContrast(ink, width, height, Math.tan((degrees * Math.PI) / 180));
  const coarse = clearest(0, maxDegrees, 0.5, clarity);
  const fine = clearest(coarse, 0.5, 0.05, clarity);
  return clarity(fine) > clearer * clarity(0) ? fine : 0;
}

function clearest(middle: number, reach: number, step: number, clarity: (degrees: number) => number): number {
  const steps = Math.round(reach / step);
  const candidates = Array.from({ length: 2 * steps + 1 }, (_, index) => middle + (index - steps) * step);
  const found = candidates.map(clarity);
  return candidates[found.indexOf(Math.max(...found))] ?? middle;
}

/** Columns and rows of dark places, in turn, in the picture made smaller. */
function inkOf({ width, height, levels }: GreyPicture, shrink: number): Int32Array {
  const places: number[] = [];
  for (let top = 0; top + shrink <= height; top += shrink) {
    for (let left = 0; left + shrink <= width; left += shrink) {
      let sum = 0;
      for (let y = top; y < top + shrink; y++)
        for (let x = left; x < left + shrink; x++) sum += levels[y * width + x] ?? 0;
      if (sum < inkLevel * shrink * shrink) places.push(left / shrink, top / shrink);
    }
  }
  return Int32Array.from(places);
}

/** How much the ink of neighbouring rows differs, along rows that fall with this slope. */
function rowContrast(ink: Int32Array, width: number, height: number, slope: number): number {
  const shift = Math.ceil(width * Math.abs(slope));
  const rows = new Uint32Array(height + 2 * shift + 1);
  for (let at = 0; at < ink.length; at += 2) {
    const row = Math.round((ink[at + 1] ?? 0) - (ink[at] ?? 0) * slope) + shift;
    rows[row] = (rows[row] ?? 0) + 1;
  }
  let contrast = 0;
  for (let row = 1; row < rows.length; row++) contrast += ((rows[row] ?? 0) - (rows[row - 1] ?? 0)) ** 2;
  return contrast;
}
