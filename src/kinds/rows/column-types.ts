/** Types of legacy's columns that a copy reads without loss: the first is the one that a converter is sent. */
export const bigintTypes = ['bigint', 'integer'];
export const textTypes = ['text', 'character varying'];
export const jsonTypes = ['jsonb'];
export const timestampTypes = ['timestamp with time zone'];
