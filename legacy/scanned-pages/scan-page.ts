import { type Canvas, createCanvas } from '@napi-rs/canvas';
import type { Random } from '../random.js';

/** How a page comes out of an old scanner. */
export interface ScanFaults {
  /** Clockwise. */
  readonly skewDegrees: number;
  /** Standard deviation of the noise, of 255 levels. */
  readonly noise: number;
  /** Specks of dust for each thousand pixels. */
  readonly specks: number;
  readonly blurPixels: number;
  /** How much darker the paper is at its dark side. */
  readonly shade: number;
}

const paper = 244;

/** A page as it was laid on the glass: not level, blurred, on grey paper that is unevenly lit, with noise and dust. */
export function scanPage(page: Canvas, faults: ScanFaults, random: Random): Canvas {
  const { width, height } = page;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.translate(width / 2, height / 2);
  context.rotate((faults.skewDegrees * Math.PI) / 180);
  context.filter = `blur(${faults.blurPixels}px)`;
  context.drawImage(page, -width / 2, -height / 2);
  context.resetTransform();
  const image = context.getImageData(0, 0, width, height);
  const { data } = image;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const x = pixel % width;
    const light = paper - faults.shade * (x / width);
    const ink = ((data[4 * pixel] ?? 0) / 255) * light;
    const level = random.chance(faults.specks / 1000) ? random.between(0, 255) : ink + faults.noise * normal(random);
    const shown = Math.max(0, Math.min(255, Math.round(level)));
    data[4 * pixel] = shown;
    data[4 * pixel + 1] = shown;
    data[4 * pixel + 2] = shown;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** About normal, of variance 1: the sum of twelve even numbers, which needs no function that differs between machines. */
function normal(random: Random): number {
  let sum = -6;
  for (let times = 0; times < 12; times++) sum += random.next();
  return sum;
}
