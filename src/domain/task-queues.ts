/** Task queues by role: `control` hosts the plans and short steps, `bulk` moves and compares the data, `documents` reads documents. */
export const taskQueues = {
  control: 'cubeshift-control',
  bulk: 'cubeshift-bulk',
  documents: 'cubeshift-documents',
} as const;
