import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';

/** A picture of lines of Latin text, by a font that comes with a package. */
export function pictureOf(lines: readonly string[]): Buffer {
  const fonts = join(dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json')), 'standard_fonts');
  GlobalFonts.registerFromPath(join(fonts, 'LiberationSans-Regular.ttf'), 'Scanned');
  const canvas = createCanvas(1000, 60 + 60 * lines.length);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = 'black';
  context.font = '36px Scanned';
  for (const [at, line] of lines.entries()) context.fillText(line, 40, 70 + 60 * at);
  return canvas.toBuffer('image/png');
}
