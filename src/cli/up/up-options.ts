/** What `cubeshift up` is typed with. */
export interface UpOptions {
  readonly records: number;
  readonly detach?: boolean;
  readonly sharedMachine?: boolean;
}
