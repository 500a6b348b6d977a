import type { SwaggerTransform } from '@fastify/swagger';
import type { FastifySchema, RouteOptions } from 'fastify';
import { problemResponse } from '../../../api/problem.js';
import { type Permission, requiredPermission } from '../../../http/authorization.js';

/**
 * Adds to the schema of a route what its hooks and the app's own do: the permission that it needs, and how they refuse a
 * request. So the document cannot differ from what the routes do.
 */
export const completeOperation: SwaggerTransform = ({ schema, url, route }) => {
  if (schema === undefined || schema.hide === true) return { schema: schema ?? {}, url };
  const permission = permissionOf(route);
  const response = { ...(schema.response as object), ...refusals(schema, route, permission) };
  return { schema: { ...schema, ...accessOf(permission), response }, url };
};

/** The third part of OpenAPI 3.1's requirement names roles; here, the permission. */
function accessOf(permission: Permission | undefined) {
  return permission === undefined
    ? { security: [], description: 'Needs no token; one that is not valid is refused all the same.' }
    : { security: [{ cubeToken: [permission] }], description: `Needs the permission \`${permission}\`.` };
}

/** Before a route's own handler sees the request. */
function refusals(schema: FastifySchema, route: RouteOptions, permission: Permission | undefined) {
  const { body, params, querystring, headers } = schema;
  const takesBody = ![route.method].flat().includes('GET');
  const isChecked = [body, querystring, headers].some((part) => part !== undefined) || hasPattern(params);
  return {
    ...(isChecked ? { 400: problemResponse(400, ['invalid_input']) } : {}),
    401: problemResponse(401, ['unauthorized']),
    ...(permission === undefined ? {} : { 403: problemResponse(403, ['forbidden']) }),
    ...(takesBody
      ? { 413: problemResponse(413, ['invalid_input']), 415: problemResponse(415, ['invalid_input']) }
      : {}),
    414: problemResponse(414, ['invalid_input']),
    431: problemResponse(431, ['invalid_input']),
  };
}

/** Any text fits a parameter of a path without one. */
function hasPattern(params: unknown): boolean {
  const { properties }: { properties?: object } = Object(params);
  return Object.values(properties ?? {}).some((parameter) => 'pattern' in parameter);
}

function permissionOf({ onRequest }: RouteOptions): Permission | undefined {
  return [onRequest]
    .flat()
    .map(requiredPermission)
    .find((permission) => permission !== undefined);
}
