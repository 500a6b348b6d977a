/** Whether a picture has several frames, by the chunk or flag with which PNG and WebP say so, and by the frames of a GIF. */
export function isAnimated(content: Buffer): boolean {
  switch (content.toString('latin1', 0, 4)) {
    case '\x89PNG':
      return content.subarray(0, content.indexOf('IDAT')).includes('acTL');
    case 'GIF8':
      return hasSecondFrame(content);
    case 'RIFF':
      return content.toString('latin1', 12, 16) === 'VP8X' && (content.readUInt8(20) & 0x02) !== 0;
    default:
      return false;
  }
}

const [extension, frame] = [0x21, 0x2c];

/** A GIF that plays once says nowhere that it moves: its blocks are walked. A value past its end is `undefined`, and ends the walk. */
function hasSecondFrame(content: Buffer): boolean {
  let frames = 0;
  for (let at = 13 + paletteBytes(content[10]); ; at = behindData(content, at)) {
    const kind = content[at];
    if (kind === frame) {
      frames += 1;
      if (frames > 1) return true;
      // Its place and size, its palette, and how wide its codes begin.
      at += 11 + paletteBytes(content[at + 9]);
    } else if (kind === extension) at += 2;
    else return false;
  }
}

function paletteBytes(flags = 0): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 0x07) + 1) : 0;
}

/** The place behind data that comes in pieces, each with its length in front; one of length 0 ends them. */
function behindData(content: Buffer, from: number): number {
  let at = from;
  for (let length = content[at]; length !== undefined && length > 0; length = content[at]) at += 1 + length;
  return at + 1;
}
