// Before anybody has an app: health, descriptions, who is let in, and how bad requests are answered.

import { createApp, listApps } from '../../../harness/target/conman/apps.ts'
import { codeOf, saidBy } from '../../../harness/target/conman/error.ts'
import { description, health, login, metrics } from '../../../harness/target/conman/platform.ts'
import { recordOf } from '../../../harness/target/conman.ts'
import type { Part, Walk } from '../walk.ts'

const COMPONENTS = ['gitaly', 'job_runner', 'mongodb']

export const platform: Part = {
  title: 'Platform',
  steps: [
    {
      id: 'health',
      name: 'read the health',
      async take(walk) {
        const answer = await walk.ask(undefined, health())
        walk.demand(answer.status === 200, saidBy(answer))
        const body = recordOf(answer.json)
        const components = Array.isArray(body?.components) ? body.components.map(recordOf) : []
        const names = components.map((component) => String(component?.name)).sort()
        walk.differs('HD16', body?.status === 'ok', 'status ok', String(body?.status))
        walk.differs('HD16', names.join() === COMPONENTS.join(), COMPONENTS.join(', '), names.join(', '))
        walk.differs('HD16', typeof body?.version === 'string', 'a version', 'none')
        const silent = components.filter((component) => typeof component?.detail !== 'string').length
        walk.differs('HD16', silent === 0, 'a detail of each component', `none of ${silent}`)
      },
    },
    {
      id: 'description',
      name: 'read the description of the API',
      aside: true,
      async take(walk) {
        const answer = await walk.ask(undefined, description())
        const version = recordOf(answer.json)?.openapi
        const is = answer.status === 200 && typeof version === 'string' && version.startsWith('3.')
        walk.differs('§2.1', is, 'OpenAPI 3', saidBy(answer))
      },
    },
    {
      id: 'metrics',
      name: 'read the metrics without a token',
      aside: true,
      async take(walk) {
        const answer = await walk.ask(undefined, metrics())
        walk.differs('HD19', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'no-token',
      name: 'ask without a token',
      aside: true,
      take: (walk) => isUnauthorized(walk, undefined),
    },
    {
      id: 'bad-token',
      name: 'ask with a token that is none',
      aside: true,
      take: (walk) => isUnauthorized(walk, 'not-a-token'),
    },
    {
      id: 'login',
      name: 'log in as the admin',
      async take(walk) {
        const { email, password } = walk.target.admin
        const session = await walk.do(undefined, login(email, password))
        walk.brings('a session of the admin', session)
        walk.brings('the token from before the app was made', session.token)
      },
    },
    {
      id: 'malformed-json',
      name: 'send JSON that is cut short',
      aside: true,
      async take(walk) {
        const answer = await walk.ask(undefined, { ...login('', ''), rawBody: '{"email": ' })
        isInvalid(walk, answer)
      },
    },
    {
      id: 'wrong-type',
      name: 'send a number where text belongs',
      aside: true,
      async take(walk) {
        const { what, method, route, path, decode } = createApp({ name: '', repoPath: '' })
        const call = { what, method, route, path, decode, body: { name: 5, repo_path: 5 } }
        isInvalid(walk, await walk.ask(walk.as('admin'), call))
      },
    },
    {
      id: 'page-zero',
      name: 'ask for page 0',
      aside: true,
      take: (walk) => walk.refuses('§1.8', walk.as('admin'), { ...listApps(), query: { page: '0' } }, [400]),
    },
    {
      id: 'huge-page',
      name: 'ask for a page far beyond the end',
      aside: true,
      async take(walk) {
        const answer = await walk.ask(walk.as('admin'), { ...listApps(), query: { page: '922337203685477580' } })
        walk.differs(
          'HD31',
          answer.status === 200 || answer.status === 400,
          'HTTP 400 or an empty page',
          saidBy(answer),
        )
      },
    },
    {
      id: 'request-id',
      name: 'ask with a request id',
      aside: true,
      async take(walk) {
        const id = `readiness-${walk.run.id}`
        const { headers } = await walk.ask(undefined, { ...health(), headers: { 'x-request-id': id } })
        walk.differs('§1.6', headers['x-request-id'] === id, `x-request-id: ${id}`, headers['x-request-id'] ?? 'none')
      },
    },
    {
      id: 'rate-headers',
      name: 'look for the rate headers',
      aside: true,
      async take(walk) {
        if (walk.target.settings.CONMAN_RATE_LIMIT_USER_PER_MINUTE === '0')
          walk.skip('the limits are off on this stack')
        const { headers } = await walk.ask(walk.as('admin'), listApps())
        const missing = ['limit', 'remaining', 'reset'].filter((name) => headers[`x-ratelimit-${name}`] === undefined)
        walk.differs('HD9', missing.length === 0, 'X-RateLimit-Limit, -Remaining, -Reset', `no ${missing.join(', ')}`)
      },
    },
  ],
}

async function isUnauthorized(walk: Walk, token: string | undefined): Promise<void> {
  const answer = await walk.ask(token, listApps())
  const is = answer.status === 401 && codeOf(answer) === 'unauthorized'
  walk.differs('HD1', is, 'HTTP 401 unauthorized', saidBy(answer))
}

function isInvalid(walk: Walk, answer: Awaited<ReturnType<Walk['ask']>>): void {
  const is = answer.status === 400 && codeOf(answer) === 'validation_error'
  walk.differs('HD13', is, 'HTTP 400 validation_error', saidBy(answer))
}
