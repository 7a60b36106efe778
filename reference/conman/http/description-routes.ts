/** The API description, for programs and for people. */
import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { apiDescription } from './openapi.ts'
import type { RouteTable } from './route-table.ts'

/** Self-contained: a page that loads its viewer from elsewhere shows nothing where there is no internet. */
const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Conman API</title></head>
<body>
<h1>Conman API</h1>
<p>The description (OpenAPI 3.1) is at <a href="/api/openapi.json">/api/openapi.json</a>: open it with any viewer.</p>
</body>
</html>
`

const Description = Type.Object({
  openapi: Type.String(),
  info: Type.Object({ title: Type.String(), version: Type.String() }),
  paths: Type.Record(Type.String(), Type.Unknown()),
  components: Type.Record(Type.String(), Type.Unknown()),
})

export const descriptionRoutes: FastifyPluginAsync<{ routes: RouteTable }> = async (server, { routes }) => {
  server.get(
    '/api/openapi.json',
    { config: { public: true, summary: 'This description.', answers: { 200: Description } } },
    async () => apiDescription(routes),
  )

  server.get(
    '/api/docs',
    {
      config: {
        public: true,
        summary: 'A page that points to this description.',
        answers: { 200: Type.String({ contentMediaType: 'text/html' }) },
      },
    },
    async (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE),
  )
}
