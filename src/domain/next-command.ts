/** A command of `cubeshift`, and what it does. */
export interface NextCommand {
  readonly command: string;
  readonly what: string;
}
