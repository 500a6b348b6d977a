import { type Canvas, createCanvas } from '@napi-rs/canvas';

/** A picture without colour, row after row: 0 is black, 255 is white. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly levels: Uint8Array;
}

/** Of a canvas that has no colour and is nowhere transparent. */
export function greyOf(canvas: Canvas): GreyPicture {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const levels = new Uint8Array(width * height);
  for (let pixel = 0; pixel < levels.length; pixel++) levels[pixel] = data[4 * pixel] ?? 0;
  return { width, height, levels };
}

export function canvasOf({ width, height, levels }: GreyPicture): Canvas {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let pixel = 0; pixel < levels.length; pixel++) pixels[pixel] = 0xff000000 | ((levels[pixel] ?? 0) * 0x010101);
  context.putImageData(image, 0, 0);
  return canvas;
}
