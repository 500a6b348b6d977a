import { createCanvas, loadImage } from '@napi-rs/canvas';
import { imageSize } from 'image-size';
import UTIF from 'utif2';
import type { DocumentLimits } from '../document-limits.js';
import { isAnimated } from './animation.js';
import type { ReadableDocument } from './readable-document.js';
import { recognize, recognizerVersion } from './recognizer.js';
import { Refused } from './refused.js';

/** The text of a picture, of an animated one that of its first frame; of a TIFF each picture is a page. */
export async function openImageScan(content: Buffer, limits: DocumentLimits): Promise<ReadableDocument> {
  if (isTiff(content)) return openTiff(content, limits);
  // Before anything is decoded: a few bytes may say that they are a picture of gigabytes.
  const { width, height, orientation } = imageSize(content);
  refuseSize(width, height, limits);
  const made = isAnimated(content) ? `${recognizerVersion()}; first frame` : recognizerVersion();
  return {
    pages: 1,
    madeBy: made,
    readPage: async () => ({ text: await recognize(await loadImage(content), orientation) }),
    close: async () => undefined,
  };
}

function openTiff(content: Buffer, limits: DocumentLimits): ReadableDocument {
  const bytes = new Uint8Array(content).buffer;
  const pictures = UTIF.decode(bytes);
  if (pictures.length === 0) throw new Refused('document_damaged');
  if (pictures.length > limits.maxPages) throw new Refused('too_many_pages');
  for (const picture of pictures) refuseSize(tagOf(picture, 't256'), tagOf(picture, 't257'), limits);
  return {
    pages: pictures.length,
    madeBy: recognizerVersion(),
    readPage: async (page) => {
      const picture = pictures[page - 1];
      if (picture === undefined) throw new RangeError('There is no such page.');
      UTIF.decodeImage(bytes, picture);
      const canvas = createCanvas(picture.width, picture.height);
      const context = canvas.getContext('2d');
      const pixels = context.createImageData(picture.width, picture.height);
      pixels.data.set(UTIF.toRGBA8(picture));
      context.putImageData(pixels, 0, 0);
      picture.data = new Uint8Array();
      return { text: await recognize(canvas, orientationOf(picture)) };
    },
    close: async () => undefined,
  };
}

function refuseSize(width: number, height: number, { maxImagePixels }: DocumentLimits): void {
  if (!(width >= 1 && height >= 1)) throw new Refused('document_damaged');
  if (width * height > maxImagePixels) throw new Refused('image_too_large');
}

function isTiff(content: Buffer): boolean {
  return ['49492a00', '4d4d002a'].includes(content.toString('hex', 0, 4));
}

function tagOf(picture: UTIF.IFD, tag: string): number {
  const value = picture[tag];
  return Array.isArray(value) ? Number(value[0]) : Number.NaN;
}

function orientationOf(picture: UTIF.IFD): number {
  const orientation = tagOf(picture, 't274');
  return Number.isNaN(orientation) ? 1 : orientation;
}
