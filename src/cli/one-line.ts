/**
 * A sentence that is printed as a line of its own. It may come from a person, a cube or a server: the end of a line in it
 * could show a line that there is not, as a command to type.
 */
export function oneLine(sentence: string): string {
  return sentence.replaceAll(/[\r\n\t\u2028\u2029]+/g, ' ');
}
