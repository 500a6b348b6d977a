import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = 'src/redis/scripts';
const scripts = readdirSync(folder).flatMap((file) => {
  const [, text] = /const script = `\n(.*?)`;/s.exec(readFileSync(join(folder, file), 'utf8')) ?? [];
  return text === undefined ? [] : [[file, text] as const];
});

test('nothing but the scripts of Redis is evaluated there', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const callers = files.filter((file) => /\.(?:eval|evalsha|script)\(/i.test(readFileSync(join('src', file), 'utf8')));
  expect(callers).toEqual(['redis/scripts/evaluate.ts']);
  expect(scripts.length).toBeGreaterThan(5);
});

test.each(scripts)('%s binds its keys and arguments to names in its first lines', (_, text) => {
  const isBinding = (line: string) =>
    /^ *(?:local [\w, ]+ =|(?:KEYS|tonumber|ARGV).*)$|= (?:tonumber\()?(?:KEYS|ARGV)\[/.test(line);
  const lines = text.split('\n');
  const first = lines.findIndex((line) => !isBinding(line));
  expect(first).toBeGreaterThan(0);
  expect(lines.slice(first).filter((line) => /KEYS|ARGV/.test(line))).toEqual([]);
});
