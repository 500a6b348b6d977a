import { type Canvas, createCanvas, type Image, type SKRSContext2D } from '@napi-rs/canvas';
import { canvasOf, greyOf } from './grey-picture.js';
import { lineAngle } from './line-angle.js';
import { removeNoise } from './remove-noise.js';
import { whitenPaper } from './whiten-paper.js';

/** Pixels of a page that is read; A4 at 200 dpi has 3.9 million. Larger pictures are made smaller. */
export const maxReadPixels = 8_000_000;

/** Letters of ordinary documents are then as large as the recogniser knows them best. */
const enlargement = 1.5;

/** A picture as it is read best: upright, its lines level, black on white without noise, and larger where it is not large already. */
export function preparePage(picture: Canvas | Image, orientation = 1): Canvas {
  const clean = whitenPaper(removeNoise(greyOf(uprightPicture(picture, orientation))));
  const { width, height } = clean;
  const scale = Math.min(enlargement, Math.sqrt(maxReadPixels / (width * height)));
  const canvas = createCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const context = whiteContext(canvas);
  context.imageSmoothingQuality = 'high';
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate((-lineAngle(clean) * Math.PI) / 180);
  context.scale(scale, scale);
  context.drawImage(canvasOf(clean), -width / 2, -height / 2);
  return canvas;
}

/** On white where it is transparent, and without colour. */
function uprightPicture(picture: Canvas | Image, orientation: number): Canvas {
  const scale = Math.min(1, Math.sqrt(maxReadPixels / (picture.width * picture.height)));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const isOnItsSide = orientation >= 5;
  const canvas = createCanvas(isOnItsSide ? height : width, isOnItsSide ? width : height);
  const context = whiteContext(canvas);
  context.setTransform(...uprightTransform(orientation, width, height));
  context.filter = 'grayscale(1)';
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
}

function whiteContext(canvas: Canvas): SKRSContext2D {
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  return context;
}

/** By the orientation that cameras write (EXIF 2.32, tag 0x0112). */
function uprightTransform(
  orientation: number,
  width: number,
  height: number,
): [number, number, number, number, number, number] {
  switch (orientation) {
    case 2:
      return [-1, 0, 0, 1, width, 0];
    case 3:
      return [-1, 0, 0, -1, width, height];
    case 4:
      return [1, 0, 0, -1, 0, height];
    case 5:
      return [0, 1, 1, 0, 0, 0];
    case 6:
      return [0, 1, -1, 0, height, 0];
    case 7:
      return [0, -1, -1, 0, height, width];
    case 8:
      return [0, -1, 1, 0, 0, width];
    default:
      return [1, 0, 0, 1, 0, 0];
  }
}
