/** The result of a check: passed, or in a sentence why not. */
export type CheckResult = { readonly passed: true } | { readonly passed: false; readonly sentence: string };
