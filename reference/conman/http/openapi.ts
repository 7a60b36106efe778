/** The API description (OpenAPI 3.1), made from the routes and their schemas as they are registered. */
import type { TSchema } from 'typebox'
import { VERSION } from '../version.ts'
import { ERROR_STATUS } from './errors.ts'
import type { RouteEntry, RouteTable } from './route-table.ts'

interface ObjectSchema {
  properties?: Record<string, TSchema & { description?: string }>
  required?: string[]
}

const ERROR_RESPONSES = Object.fromEntries(
  [400, 401, 403, 404, 409, 429, 500, 'default'].map((status) => [
    String(status),
    { $ref: '#/components/responses/Error' },
  ]),
)

export function apiDescription(routes: RouteTable): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes.entries) {
    if (route.method === 'HEAD') continue
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}')
    const operations = paths[path] ?? {}
    operations[route.method.toLowerCase()] = operation(route, path)
    paths[path] = operations
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Conman API', version: VERSION },
    paths,
    components: {
      securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      responses: {
        Error: {
          description: 'The error envelope.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
      schemas: { Error: ERROR_SCHEMA },
    },
  }
}

const ERROR_SCHEMA = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'request_id'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERROR_STATUS) },
        message: { type: 'string' },
        request_id: { type: 'string' },
      },
    },
  },
}

function operation({ method, url, options }: RouteEntry, path: string): object {
  const { config, schema } = options
  const body = schema?.body
  return {
    operationId: operationId(method, path),
    summary: config?.summary,
    ...(config?.role !== undefined && { description: `Lowest role on the app: ${config.role}.` }),
    parameters: [...pathParameters(url), ...queryParameters(schema?.querystring as ObjectSchema | undefined)],
    ...(body !== undefined && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: { ...successes(config?.answers), ...ERROR_RESPONSES },
    security: config?.public === true ? [] : [{ bearerAuth: [] }],
  }
}

function successes(answers: Readonly<Record<number, TSchema>> = {}): Record<string, object> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => [
      status,
      {
        description: status === '201' ? 'Created.' : 'Success.',
        // Text is not described any further: metrics and pages have formats of their own.
        content:
          'contentMediaType' in schema
            ? { [String(schema.contentMediaType)]: { schema: { type: 'string' } } }
            : { 'application/json': { schema } },
      },
    ]),
  )
}

/** `get_api_apps_by_appId` for `GET /api/apps/{appId}`. */
function operationId(method: string, path: string): string {
  const words = path.split('/').filter((part) => part !== '')
  return [
    method.toLowerCase(),
    ...words.map((word) => word.replace(/^\{(\w+)\}$/, 'by_$1').replaceAll(/\W/g, '_')),
  ].join('_')
}

function pathParameters(url: string): object[] {
  const names = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name)
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

function queryParameters(schema: ObjectSchema | undefined): object[] {
  const required = schema?.required ?? []
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(property.description !== undefined && { description: property.description }),
    schema: property,
  }))
}
