/** What is used of a package that has no types. */
declare module 'jstat' {
  const jstat: { readonly studentt: { inv(probability: number, degreesOfFreedom: number): number } };
  // biome-ignore lint/style/noDefaultExport: it is what the package exports.
  export default jstat;
}
