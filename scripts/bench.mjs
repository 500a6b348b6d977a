// Prepares the checkout, then runs the benchmark.
import { prepare } from './prepare.mjs';

prepare();
await import(new URL('../dist/bench/main.js', import.meta.url).href);
