import { crashPoints } from '../../base/crash-points.js';
import { s3Place } from '../storage-place.js';

/** Names, switches and paths. Each parser returns the value, or throws an Error that completes "NAME …". */

export function parseName(value: string): string {
  if (!/^[\w.-]{1,200}$/.test(value)) throw new Error('must be letters, digits, dots, dashes or underscores');
  return value;
}

export function parsePath(value: string): string {
  if (value.includes('\0')) throw new Error('must be a path');
  return value;
}

/** Where contents are stored: a folder, or a place in a bucket. */
export function parseStorage(value: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(value) && s3Place(value) === undefined)
    throw new Error('must be a folder, or s3://BUCKET/PREFIX of letters, digits, dots, dashes and underscores');
  return parsePath(value);
}

export function parseRegion(value: string): string {
  if (!/^[a-z0-9-]{1,64}$/.test(value)) throw new Error('must be a region such as us-east-1');
  return value;
}

export function parseSwitch(value: string): boolean {
  if (value !== 'on' && value !== 'off') throw new Error('must be on or off');
  return value === 'on';
}

/** A point that does not exist would never be reached: a test of recovery would prove nothing. */
export function parseCrashPoint(value: string): string {
  if (!crashPoints.some((point) => point === value)) throw new Error(`must be one of ${crashPoints.join(', ')}`);
  return value;
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
type LogLevel = (typeof logLevels)[number];

export function parseLogLevel(value: string): LogLevel {
  const level = logLevels.find((known) => known === value);
  if (level === undefined) throw new Error(`must be one of ${logLevels.join(', ')}`);
  return level;
}
