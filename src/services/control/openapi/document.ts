import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { packageVersion } from '../../../base/package-root.js';
import { finishDocument } from './finish-document.js';
import { completeOperation } from './operation.js';

/** Collects the routes that are registered after it; `app.swagger()` returns the document that describes them. */
export async function registerOpenapi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Cubeshift control API',
        version: packageVersion(),
        description,
        license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      },
      servers: [{ url: '/', description: 'The control API that serves this document; port 8090 by default.' }],
      tags: [...tags],
      components: {
        securitySchemes: {
          cubeToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'A cube token; `cubeshift token --cube-id ID --permissions migration:read,…` prints one.',
          },
        },
      },
    },
    transform: completeOperation,
    transformObject: finishDocument,
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, place) =>
        typeof schema.$id === 'string' ? schema.$id : `schema-${place}`,
    },
  });
}

const description = [
  'Starts, follows and steers migrations, brings users over to cubes, and deploys versions of cubes.',
  '',
  'A call that is answered 202 is carried out or visibly refused. Every error is `application/problem+json`: `detail` says what',
  'happened, `safe` what did not, `hint` what to do next; a 409 of a migration lists in `actions` what is possible now.',
  'A request that is not HTTP, that has headers over 16 KiB, or that takes longer than 30 seconds to arrive is answered 400,',
  '431 or 408, whatever its path, and the connection is closed.',
  '',
  'The examples are answers of a real control API. Contents of records are left out.',
].join('\n');

const tags = [
  { name: 'migrations', description: 'Durable runs that move one kind of data' },
  { name: 'rejects', description: 'Rows that could not be moved' },
  { name: 'models', description: 'AI models of the cube and their versions' },
  { name: 'blobs', description: 'Contents of the store, each under its SHA-256' },
  { name: 'traffic', description: 'Which users a cube serves' },
  { name: 'ramps', description: 'Durable plans that raise the traffic weight step by step' },
  { name: 'cubes', description: 'Versions and instances of cubes' },
  { name: 'audit', description: 'Who changed what' },
  { name: 'service', description: 'The control API itself' },
] as const;
