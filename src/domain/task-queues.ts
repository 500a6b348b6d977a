/**
 * Task queues by role: `control` hosts the plans and short steps, `bulk` moves and compares the data, `documents` reads documents, `crawler`
 * fetches for the crawler cube's jobs.
 */
export const taskQueues = {
  control: 'cubeshift-control',
  bulk: 'cubeshift-bulk',
  documents: 'cubeshift-documents',
  crawler: 'cubeshift-crawler',
} as const;
