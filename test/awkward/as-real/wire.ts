// What is on the wire of the real Conman whatever the route: always 200, few headers, texts where the envelope should be,
// queries that are ignored, dates with nanoseconds.

import type { Asked } from '../proxy.ts'
import {
  type Difference,
  fields,
  isObject,
  isSuccess,
  json,
  mapObjects,
  parsed,
  refusal,
  text,
  tokenOf,
  type Upstream,
} from './difference.ts'

const HEADERS = ['content-type', 'x-request-id', 'date', 'allow']

/** The only query keys that it knows; all others are ignored. */
const QUERY = ['page', 'limit', 'path', 'format']

/** Routes that read no body (contract §1.9); every other writing one wants JSON. */
const BODYLESS =
  /\/(reset|sync-integration|queue|move-to-draft|releases|assemble|publish|reveal|undo-expire)$|^\/api\/auth\/logout$/

export const wire: Difference[] = [
  {
    id: 'HD9',
    what: 'no rate headers, no Retry-After, none but the few it has',
    after: (_, answer) => ({
      ...answer,
      headers: Object.fromEntries(Object.entries(answer.headers).filter(([name]) => HEADERS.includes(name))),
    }),
  },
  {
    id: 'HD13',
    what: 'errors of the body and of the query are plain text: 400, 415, 422',
    before(asked) {
      if (asked.method === 'GET' || BODYLESS.test(asked.path)) return undefined
      if (asked.method === 'DELETE' && !asked.path.endsWith('/files')) return undefined
      const type = asked.headers['content-type'] ?? ''
      if (!/^application\/(?:[\w.-]+\+)?json\b/.test(type)) {
        return text(415, 'Expected request with `Content-Type: application/json`')
      }
      if (parsed(asked) === undefined)
        return text(400, 'Failed to parse the request body as JSON: expected value at line 1')
      return undefined
    },
    after({ path }, answer) {
      const message = messageOf(answer)
      if (answer.status !== 400 || message === undefined) return undefined
      if (/^validation: body\b/.test(message)) {
        return text(422, `Failed to deserialize the JSON body into the target type: ${message.slice(12)}`)
      }
      const query = /^validation: (querystring\b|(page|limit) must be a whole number)/.test(message)
      return query ? text(400, `Failed to deserialize query string: ${path}`) : undefined
    },
  },
  {
    id: 'HD15',
    what: 'every success is 200',
    after: (_, answer) => (isSuccess(answer) ? { ...answer, status: 200 } : undefined),
  },
  {
    id: 'HD31',
    what: 'a huge page number is 500',
    before: ({ query }) =>
      Number(query.get('page')) * Number(query.get('limit') ?? 20) > 2 ** 63
        ? refusal(500, 'internal', 'internal: Kind: the skip value must be representable as an i64')
        : undefined,
  },
  {
    id: 'HD73',
    what: 'filters are ignored',
    before(asked) {
      for (const key of [...asked.query.keys()]) if (!QUERY.includes(key)) asked.query.delete(key)
      return undefined
    },
  },
  {
    id: '§1.11',
    what: 'dates of written things carry nanoseconds',
    after(asked, answer) {
      const body = parsed(answer)
      if (asked.method === 'GET' || !isSuccess(answer) || !isObject(body)) return undefined
      const longer = mapObjects(body, (object) =>
        Object.fromEntries(Object.entries(object).map(([key, value]) => [key, withNanoseconds(value)])),
      )
      return json(answer.status, longer)
    },
  },
]

function withNanoseconds(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^(\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3})Z$/, '$1417063Z') : value
}

function messageOf(answer: { body: Buffer }): string | undefined {
  const { error } = fields(answer)
  return isObject(error) && typeof error.message === 'string' ? error.message : undefined
}

export function platform(upstream: Upstream): Difference[] {
  return [
    {
      id: 'HD16',
      what: 'health calls its parts mongo, gitaly, job_runner, without version and detail',
      after({ path }, answer) {
        const { status, components } = fields(answer)
        if (path !== '/api/health' || !Array.isArray(components)) return undefined
        const short = components.map(({ name, status }) => ({ name: name === 'mongodb' ? 'mongo' : name, status }))
        return json(answer.status, { status, components: short })
      },
    },
    {
      id: 'HD19',
      what: 'metrics need a token',
      async before(asked: Asked) {
        if (asked.path !== '/api/metrics') return undefined
        const token = tokenOf(asked)
        const valid = token !== undefined && (await upstream('GET', '/api/apps?limit=1', token)).status === 200
        return valid ? undefined : refusal(403, 'forbidden', 'forbidden: missing bearer token')
      },
    },
    {
      id: '§2.1',
      what: 'the API description calls itself v1-draft',
      after({ path }, answer) {
        const body = fields(answer)
        if (path !== '/api/openapi.json' || !isObject(body.info)) return undefined
        return json(200, { ...body, info: { ...body.info, title: 'Conman API', version: 'v1-draft' } })
      },
    },
  ]
}
