/** Valid holders of a token: letters and digits of any script, dots, dashes, underscores. They appear in logs, terminals and the audit. */
export const tokenHolderPattern = '^[\\p{L}\\p{N}][\\p{L}\\p{N}._-]{0,199}$';

export function isTokenHolder(text: string): boolean {
  return new RegExp(tokenHolderPattern, 'u').test(text);
}
