/** What the scripts of the pages use. */
export { characterErrorRate, maxCharacterErrorRate } from './character-errors.js';
export { committedSeed, makePages } from './make-pages.js';
