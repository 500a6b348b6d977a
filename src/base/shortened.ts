/** The text, or as much of it as `max` characters hold, with an ellipsis at its end; no pair of surrogates is cut in two. */
export function shortened(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
