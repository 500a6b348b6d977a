/** Who changes a cube: only the run that took it last may. */
export interface ChangeReference {
  readonly cubeId: string;
  /** The workflow's id and run id. */
  readonly holderId: string;
}
