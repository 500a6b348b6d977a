import type { GreyPicture } from './grey-picture.js';

/** Pixels of the squares whose paper is looked at; several lines of text are in two of them. */
const squareSize = 32;
/** Of a square and what is around it, this share is paper. */
const paperShare = 0.3;
/** Of the paper's level: what is darker becomes black, what is lighter white. */
const [black, white] = [0.2, 0.95];

/** Makes unevenly lit or tinted paper white and its ink black. Areas that are dark, with light letters, stay dark. */
export function whitenPaper(picture: GreyPicture): GreyPicture {
  const { width, height, levels } = picture;
  const columns = Math.ceil(width / squareSize) + 1;
  const rows = Math.ceil(height / squareSize) + 1;
  const darkest = levelOfShare(countLevels(picture, 0, 0, width, height), 0.01) / 2;
  const paper = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [left, top] = [(column - 1) * squareSize, (row - 1) * squareSize];
      const counts = countLevels(picture, left, top, left + 2 * squareSize, top + 2 * squareSize);
      paper[row * columns + column] = Math.max(1, darkest, levelOfShare(counts, paperShare));
    }
  }
  const whitened = new Uint8Array(levels.length);
  for (let y = 0; y < height; y++) {
    const [row, down] = [Math.trunc(y / squareSize), (y % squareSize) / squareSize];
    for (let x = 0; x < width; x++) {
      const [at, right] = [row * columns + Math.trunc(x / squareSize), (x % squareSize) / squareSize];
      const above = (paper[at] ?? 0) * (1 - right) + (paper[at + 1] ?? 0) * right;
      const below = (paper[at + columns] ?? 0) * (1 - right) + (paper[at + columns + 1] ?? 0) * right;
      const share = (levels[y * width + x] ?? 0) / (above * (1 - down) + below * down);
      whitened[y * width + x] = Math.max(0, Math.min(255, Math.round((255 * (share - black)) / (white - black))));
    }
  }
  return { width, height, levels: whitened };
}

/** How many pixels of a rectangle have each level; what of it is outside the picture has none. */
function countLevels(
  { width, height, levels }: GreyPicture,
  left: number,
  top: number,
  right: number,
  bottom: number,
): Uint32Array {
  const counts = new Uint32Array(256);
  for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
    for (let x = Math.max(0, left); x < Math.min(width, right); x++) {
      const level = levels[y * width + x] ?? 0;
      counts[level] = (counts[level] ?? 0) + 1;
    }
  }
  return counts;
}

/** The level that this share of the pixels reaches; 0 where there are none. */
function levelOfShare(counts: Uint32Array, share: number): number {
  const enough = share * counts.reduce((sum, count) => sum + count, 0);
  let level = 255;
  for (let seen = counts[level] ?? 0; level > 0 && seen < enough; seen += counts[level] ?? 0) level -= 1;
  return level;
}
