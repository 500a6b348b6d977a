import { InvalidArgumentError } from 'commander';

/** The parser of an option or argument that is a whole number, written in digits, from `min` to `max`. */
export function wholeNumber(min: number, max = 9_999_999): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
