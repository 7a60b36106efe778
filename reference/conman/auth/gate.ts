/**
 * The gate before every route: token, rate limit, role. It runs before a body is read, so that whoever is refused costs little.
 *
 * A route is protected unless it says otherwise. What matches no route is protected by its prefix, so that an unknown path
 * below a protected one tells an anonymous caller nothing.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import type { TSchema } from 'typebox'
import type { Caller, Origin } from '../http/context.ts'
import { notFound, rateLimited, unauthorized } from '../http/errors.ts'
import type { LimitDecision } from '../http/rate-limit.ts'
import type { AppDocument } from '../mongo/documents.ts'
import type { Role } from '../roles.ts'
import type { Services } from '../services.ts'
import type { Principal } from './service.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Open to everybody, without a token. */
    public?: boolean
    /** The lowest role on the path's app that may use the route. */
    role?: Role
    /** What the route is for, in the API description. */
    summary?: string
    /** What it answers when all is well, by status. */
    answers?: Readonly<Record<number, TSchema>>
  }

  interface FastifyRequest {
    principal: Principal | null
  }
}

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

export const gate = plugin(async (server: FastifyInstance, { services }: { services: Services }) => {
  server.decorateRequest('principal', null)

  server.addHook('onRequest', async (request, reply) => {
    const { limits, metrics, tokens, auth } = services
    const path = request.url.split('?', 1)[0] ?? ''
    const config = request.routeOptions.config
    const isPublic = request.is404 ? !protectedPrefix(path) : config.public === true

    const claims = isPublic ? undefined : await verifiedClaims(request)
    if (path.startsWith('/api/auth/')) enforce(limits.auth(request.ip), 'anonymous', reply)
    if (claims === undefined) return
    enforce(limits.user(claims.userId, WRITES.has(request.method)), claims.userId, reply)

    const params = (request.params ?? {}) as Record<string, string>
    const { appId } = params
    request.principal = await auth.principal(claims, appId).catch((error: unknown) => {
      metrics.authFailure()
      throw error
    })
    if (config.role !== undefined && !request.is404) {
      const { method, routeOptions } = request
      services.access.demand(request.principal, config.role, { method, route: routeOptions.url ?? '', params })
    }

    async function verifiedClaims(request: FastifyRequest) {
      try {
        return await tokens.verify(bearerToken(request))
      } catch (error) {
        metrics.authFailure()
        throw error
      }
    }
  })

  function enforce(decision: LimitDecision, userId: string, reply: FastifyReply): void {
    const { tightest } = decision
    if (tightest === undefined) return
    reply.headers({
      'x-ratelimit-limit': tightest.limit,
      'x-ratelimit-remaining': tightest.remaining,
      'x-ratelimit-reset': tightest.resetSeconds,
    })
    if (decision.allowed) return
    services.metrics.rateLimited(userId)
    throw rateLimited(tightest.resetSeconds - Date.now() / 1000)
  }
})

/** The signed-in caller of a protected route. */
export function callerOf(request: FastifyRequest, services: Services): Caller {
  if (request.principal === null) throw unauthorized('missing bearer token')
  const { user, membership } = request.principal
  return { ...originOf(request, services), user, role: membership?.role }
}

export function originOf(request: FastifyRequest, services: Services): Origin {
  return {
    requestId: request.id,
    ip: request.ip,
    userAgent: request.headers['user-agent'] ?? null,
    gitUntilMs: request.startedMs + services.config.git.deadlineMs,
  }
}

/** The app of a route below `/api/apps/:appId`, once the gate has let the caller in. */
export function appOf(request: FastifyRequest): AppDocument {
  const app = request.principal?.app
  if (app === undefined) throw notFound('app', (request.params as { appId?: string }).appId ?? '')
  return app
}

function protectedPrefix(path: string): boolean {
  return (
    path === '/api/auth/logout' || path === '/api/me' || path.startsWith('/api/me/') || path.startsWith('/api/apps')
  )
}

function bearerToken(request: FastifyRequest): string {
  const token = /^[Bb]earer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) throw unauthorized('missing bearer token')
  return token
}
