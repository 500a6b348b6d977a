#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// A checkout is made runnable first; an installed package is built already.
const prepareScript = new URL('../scripts/prepare.mjs', import.meta.url);
if (existsSync(fileURLToPath(prepareScript))) {
  const { prepare } = await import(prepareScript.href);
  prepare();
}
await import(new URL('../dist/src/cli/main.js', import.meta.url).href);
