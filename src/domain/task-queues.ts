/** Task queues by role: `control` hosts the plans and short steps, `bulk` moves and compares the data. */
export const taskQueues = { control: 'cubeshift-control', bulk: 'cubeshift-bulk' } as const;
