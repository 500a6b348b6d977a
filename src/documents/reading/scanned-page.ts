import { type Canvas, createCanvas, type Image } from '@napi-rs/canvas';

/** Pixels of a page that is read; A4 at 200 dpi has 3.9 million. Larger pictures are made smaller. */
export const maxReadPixels = 8_000_000;

/** A picture as it is read: upright, on white where it is transparent, without colour, and a little blurred, which takes out noise. */
export function preparePage(picture: Canvas | Image, orientation = 1): Canvas {
  const scale = Math.min(1, Math.sqrt(maxReadPixels / (picture.width * picture.height)));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const isOnItsSide = orientation >= 5;
  const canvas = createCanvas(isOnItsSide ? height : width, isOnItsSide ? width : height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(...uprightTransform(orientation, width, height));
  context.filter = 'grayscale(1) blur(1px)';
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
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
