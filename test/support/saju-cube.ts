import type { FastifyInstance } from 'fastify';
import type pg from 'pg';
import { expect } from 'vitest';
import { createTokenVerifier } from '../../src/auth/tokens.js';
import { findCube } from '../../src/domain/cubes.js';
import { buildSajuCube } from '../../src/services/saju/app.js';
import { legacySajuRecords } from '../../src/services/saju/record-store.js';
import { testSecret } from './engine.js';

/** The saju cube on the owner's records, without a registry. */
export function sajuCubeOn(pool: pg.Pool): Promise<FastifyInstance> {
  return buildSajuCube({
    definition: findCube('saju-cube') ?? expect.fail('no saju-cube'),
    version: '1',
    instanceId: 'one',
    logger: false,
    clock: () => new Date(),
    tokens: createTokenVerifier({ current: testSecret }, () => new Date()),
    dependencies: {},
    records: legacySajuRecords(pool),
  });
}
