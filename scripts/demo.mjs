// Prepares the checkout, then runs the demo.
import { prepare } from './prepare.mjs';

prepare();
await import(new URL('../dist/demo/main.js', import.meta.url).href);
