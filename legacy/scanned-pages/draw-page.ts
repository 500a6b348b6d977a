import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Canvas, createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';
import type { PageText } from './page-text.js';

export const pageFonts = ['nanum-gothic', 'nanum-myeongjo', 'gowun-batang'] as const;
export type PageFont = (typeof pageFonts)[number];

/** A5, upright. */
const [widthInches, heightInches] = [5.83, 8.27];
const marginInches = 0.55;
const pointsPerInch = 72;
const lineHeight = 1.6;

export interface PageLook {
  readonly font: PageFont;
  readonly points: number;
  readonly dotsPerInch: number;
}

/** Draws a text in black on white. Throws where it does not fit. */
export function drawPage({ title, paragraphs }: PageText, { font, points, dotsPerInch }: PageLook): Canvas {
  const family = registerFont(font);
  const canvas = createCanvas(Math.round(widthInches * dotsPerInch), Math.round(heightInches * dotsPerInch));
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#1c1c1c';
  const margin = marginInches * dotsPerInch;
  const textWidth = canvas.width - 2 * margin;
  const size = (points * dotsPerInch) / pointsPerInch;
  let y = margin + 1.5 * size;
  context.font = `${1.4 * size}px ${family}`;
  context.fillText(title, (canvas.width - context.measureText(title).width) / 2, y);
  y += 1.4 * size;
  context.font = `${size}px ${family}`;
  for (const paragraph of paragraphs) {
    y += 0.6 * size;
    for (const line of linesOf(paragraph, textWidth, context)) {
      y += lineHeight * size;
      context.fillText(line, margin, y);
    }
  }
  if (y > canvas.height - margin) throw new Error('The text does not fit on its page.');
  return canvas;
}

function linesOf(paragraph: string, width: number, context: SKRSContext2D): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (context.measureText(longer).width <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** Each package has Latin letters and Hangul in files of their own. */
function registerFont(font: PageFont): string {
  const folder = join(dirname(createRequire(import.meta.url).resolve(`@fontsource/${font}/package.json`)), 'files');
  const families = (['latin', 'korean'] as const).map((script) => {
    const family = `${font}-${script}`;
    if (!GlobalFonts.has(family)) GlobalFonts.registerFromPath(join(folder, `${family}-400-normal.woff2`), family);
    return family;
  });
  return families.map((family) => `"${family}"`).join(', ');
}
