/**
 * Python that takes modules neither from the folder it is started in nor from its user: what lies in a folder of
 * another user, or in PYTHONPATH, is not run. Settings of pip are read as ever.
 */
export const isolatedPython = ['python3', '-I'] as const;
