/** Whole numbers. Each parser returns the value, or throws an Error that completes "NAME …". */

export function parseDays(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new Error('must be a whole number of days');
  return Number(value);
}

export function parseSeconds(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new Error('must be a whole number of seconds, 1 to 9999');
  return Number(value);
}

export function parseInstances(value: string): number {
  if (!/^[1-9]\d{0,2}$/.test(value)) throw new Error('must be a whole number of instances, 1 to 999');
  return Number(value);
}

export function parseMebibytes(value: string): number {
  if (!/^[1-9]\d{1,6}$/.test(value)) throw new Error('must be a whole number of MiB, 10 to 9999999');
  return Number(value);
}

export function parseRate(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new Error('must be a whole number of requests, 0 to 999999');
  return Number(value);
}

export function parseCount(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new Error('must be a whole number, 0 to 999999');
  return Number(value);
}

export function parseUserId(value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new Error('must be the number of a user');
  return Number(value);
}
