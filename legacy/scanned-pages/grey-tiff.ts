export interface GreyPage {
  readonly width: number;
  readonly height: number;
  /** A byte a pixel, row after row; 0 is black. */
  readonly levels: Uint8Array;
}

const entries = 9;
const directoryBytes = 2 + entries * 12 + 4;
/** TIFF's type of a number of four bytes. */
const long = 4;

/** A TIFF of pages without colour and compression. */
export function greyTiff(pages: readonly GreyPage[]): Buffer {
  const parts: Buffer[] = [Buffer.from([0x49, 0x49, 0x2a, 0, 8, 0, 0, 0])];
  let at = 8;
  for (const [index, { width, height, levels }] of pages.entries()) {
    const values: readonly (readonly [tag: number, value: number])[] = [
      [256, width],
      [257, height],
      // Eight bits a pixel, not compressed, 0 is black.
      [258, 8],
      [259, 1],
      [262, 1],
      // One strip, behind this directory.
      [273, at + directoryBytes],
      [277, 1],
      [278, height],
      [279, levels.length],
    ];
    const directory = Buffer.alloc(directoryBytes);
    directory.writeUInt16LE(entries, 0);
    for (const [place, [tag, value]] of values.entries()) {
      directory.writeUInt16LE(tag, 2 + place * 12);
      directory.writeUInt16LE(long, 4 + place * 12);
      directory.writeUInt32LE(1, 6 + place * 12);
      directory.writeUInt32LE(value, 10 + place * 12);
    }
    // Directories begin at even places.
    const padded = Buffer.alloc(levels.length + (levels.length % 2));
    padded.set(levels);
    at += directoryBytes + padded.length;
    directory.writeUInt32LE(index === pages.length - 1 ? 0 : at, directoryBytes - 4);
    parts.push(directory, padded);
  }
  return Buffer.concat(parts);
}
