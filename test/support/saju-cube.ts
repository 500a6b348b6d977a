import type { FastifyInstance } from 'fastify';
import type pg from 'pg';
import { expect } from 'vitest';
import { findCube } from '../../src/domain/cubes.js';
import { legacySajuRecords } from '../../src/postgres/saju-service.js';
import { buildSajuCube } from '../../src/services/saju/app.js';
import { createTokenVerifier } from '../../src/services/tokens.js';
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
