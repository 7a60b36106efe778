/** The HTTP side: one Fastify instance with what every request goes through, and the features' routes. */
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { appRoutes } from '../apps/routes.ts'
import { auditRoutes } from '../audit/routes.ts'
import { gate } from '../auth/gate.ts'
import { authRoutes } from '../auth/routes.ts'
import { changesetContentRoutes } from '../changesets/content-routes.ts'
import { changesetRoutes } from '../changesets/routes.ts'
import { commentRoutes } from '../comments/routes.ts'
import { deploymentRoutes } from '../deployments/routes.ts'
import { environmentRoutes } from '../environments/routes.ts'
import { fileRoutes } from '../files/routes.ts'
import { healthRoutes } from '../health/routes.ts'
import { inviteRoutes } from '../invites/routes.ts'
import { jobRoutes } from '../jobs/routes.ts'
import { withRequestId } from '../logging.ts'
import { meRoutes } from '../me/routes.ts'
import { memberRoutes } from '../members/routes.ts'
import { metricsRoutes } from '../metrics/routes.ts'
import { overrideRoutes } from '../overrides/routes.ts'
import { passwordResetRoutes } from '../password-reset/routes.ts'
import { profileRoutes } from '../profiles/routes.ts'
import { queueRoutes } from '../queue/routes.ts'
import { releaseRoutes } from '../releases/routes.ts'
import type { Services } from '../services.ts'
import { tempEnvironmentRoutes } from '../temp-environments/routes.ts'
import { workspaceRoutes } from '../workspaces/routes.ts'
import { descriptionRoutes } from './description-routes.ts'
import { handleError } from './error-handler.ts'
import { ApiError } from './errors.ts'
import { requestIdOf } from './request-id.ts'
import { createRouteTable, type RouteTable } from './route-table.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** When the request came in, on the clock of `performance.now()`. */
    startedMs: number
  }
}

const BODY_LIMIT_BYTES = 10_485_760
const FEATURES = [
  authRoutes,
  passwordResetRoutes,
  meRoutes,
  appRoutes,
  memberRoutes,
  inviteRoutes,
  environmentRoutes,
  profileRoutes,
  workspaceRoutes,
  fileRoutes,
  changesetRoutes,
  changesetContentRoutes,
  overrideRoutes,
  commentRoutes,
  queueRoutes,
  releaseRoutes,
  deploymentRoutes,
  tempEnvironmentRoutes,
  jobRoutes,
  auditRoutes,
  healthRoutes,
  metricsRoutes,
]

export async function createServer(services: Services): Promise<FastifyInstance> {
  const server = Fastify({
    loggerInstance: services.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    // The mixin of the logger adds the id to every line; a second one would repeat it.
    childLoggerFactory: (logger) => logger,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: handleError,
  }).withTypeProvider<TypeBoxTypeProvider>()
  server.setValidatorCompiler(TypeBoxValidatorCompiler)
  server.setErrorHandler(handleError)
  acceptJsonBodies(server)

  const routes = createRouteTable()
  server.addHook('onRoute', (route) => routes.add(route))
  server.setNotFoundHandler((request, reply) => notFoundOrNotAllowed(routes, request, reply))

  server.decorateRequest('startedMs', 0)
  server.addHook('onRequest', (request, reply, done) => {
    request.startedMs = performance.now()
    reply.header('x-request-id', request.id)
    withRequestId(request.id, done)
  })
  // A body is read on the socket's own events, outside of what the first hook began.
  server.addHook('preValidation', (request, _reply, done) => withRequestId(request.id, done))
  server.addHook('onResponse', async (request, reply) => observe(services, request, reply))

  closeConnectionsWithTheServer(server)

  await server.register(gate, { services })
  for (const feature of FEATURES) await server.register(feature, { services })
  await server.register(descriptionRoutes, { routes })
  return server
}

/**
 * Idle connections are closed when the server is; one on which a request is under way would stay open for as long as its
 * client keeps it, and hold up the end. So its answer says that the connection ends with it.
 */
function closeConnectionsWithTheServer(server: FastifyInstance): void {
  let closing = false
  server.addHook('preClose', (done) => {
    closing = true
    done()
  })
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
}

/** JSON under its own and its `+json` types. An empty body is none: some routes need no body, whatever its type says. */
function acceptJsonBodies(server: FastifyInstance): void {
  const parseJson = server.getDefaultJsonParser('error', 'error')
  server.removeAllContentTypeParsers()
  server.addContentTypeParser<string>(
    /^application\/(?:[\w.-]+\+)?json(?:$|\s*;)/,
    { parseAs: 'string' },
    (request, body, done) => {
      if (body === '') done(null, undefined)
      else parseJson(request, body, done)
    },
  )
}

function notFoundOrNotAllowed(routes: RouteTable, request: FastifyRequest, reply: FastifyReply): void {
  const allowed = routes.methodsOf(request.url.split('?', 1)[0] ?? '')
  const error =
    allowed.length === 0
      ? new ApiError('not_found', 'the requested route does not exist')
      : new ApiError('method_not_allowed', 'this route does not take this method', {
          headers: { allow: allowed.join(', ') },
        })
  handleError(error, request, reply)
}

/** One line and one count for each request, when its answer is out. The URL is left out: a query can carry anything. */
function observe(services: Services, request: FastifyRequest, reply: FastifyReply): void {
  const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown')
  const durationMs = performance.now() - request.startedMs
  services.metrics.httpRequest(request.method, route, reply.statusCode, durationMs)
  withRequestId(request.id, () =>
    services.logger.info(
      { method: request.method, route, status: reply.statusCode, duration_ms: Math.round(durationMs * 10) / 10 },
      'request completed',
    ),
  )
}
