/** Where an embedded server listens in a network of its own: nothing else is there. */
export const innerPorts = { rpc: 7233, ui: 8233 } as const;
