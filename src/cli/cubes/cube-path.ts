/** The path of a cube at the control API. */
export function pathOf(cube: string): string {
  return `/v1/cubes/${encodeURIComponent(cube)}`;
}
