// Loaded in front of a paperwork cube (`--import`): as long as the file WRONG_WHEN is there, the first byte of each content is another one.
import { existsSync } from 'node:fs';
import { ServerResponse } from 'node:http';

const { write } = ServerResponse.prototype;
const begun = new WeakSet();
ServerResponse.prototype.write = function (chunk, ...rest) {
  if (!this.hasHeader('content-disposition') || begun.has(this)) return write.call(this, chunk, ...rest);
  begun.add(this);
  if (!existsSync(process.env.WRONG_WHEN)) return write.call(this, chunk, ...rest);
  const wrong = Buffer.from(chunk);
  wrong[0] ^= 1;
  return write.call(this, wrong, ...rest);
};
