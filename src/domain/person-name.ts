export const maxNameCharacters = 100;

/** Whether a name can be shown in a list: no control or invisible characters, not blank, and no longer than a hundred characters. */
export function isReadableName(name: string): boolean {
  return [...name].length <= maxNameCharacters && name.trim() !== '' && !/\p{C}|\p{Zl}|\p{Zp}/u.test(name);
}
