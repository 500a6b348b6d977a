import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** A package with the version that is installed, as `made_by` names it. */
export function libraryVersion(name: string): string {
  const { version } = require(`${name}/package.json`) as { readonly version: string };
  return `${name} ${version}`;
}

/** The folder of a package that is installed. */
export function libraryFolder(name: string): string {
  return require.resolve(`${name}/package.json`).slice(0, -'/package.json'.length);
}
