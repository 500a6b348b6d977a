/** A file of legacy's folder that no row of legacy's names; its path is bytes, in no particular encoding. */
export interface FileWithoutRow {
  readonly path_base64: string;
  readonly size: number;
}
