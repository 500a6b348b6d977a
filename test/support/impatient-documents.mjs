// Loaded in front of a documents worker (`--import`): the five minutes that a page may take have passed after a tenth of a second.
const { setTimeout } = globalThis;
const pageMillis = 300_000;

globalThis.setTimeout = (work, millis, ...rest) => setTimeout(work, millis === pageMillis ? 100 : millis, ...rest);
