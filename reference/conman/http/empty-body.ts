/** For routes whose body says nothing that must be said: none at all is an empty one. */
import type { FastifyRequest } from 'fastify'

export async function emptyBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}
