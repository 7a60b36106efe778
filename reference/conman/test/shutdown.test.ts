/** A server that is asked to end: what has begun is answered, nothing new is taken, and it ends with 0. */
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { within } from '../bounded.ts'
import { type GitProxy, startGitProxy } from './git-proxy.ts'
import { startServer } from './server-process.ts'
import { createWorld, HAS_PARTS, until, type World } from './world.ts'

const SLOW_MS = 1_500

describe.skipIf(!HAS_PARTS)('a server that is asked to end', () => {
  let proxy: GitProxy
  let world: World

  beforeAll(async () => {
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    world = await createWorld({ env: { CONMAN_GITALY_ADDRESS: proxy.address } })
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'answers what has begun, takes nothing new, and ends (%s)',
    async (signal) => {
      const server = await startServer([], world.env)
      const author = { ...(await world.person('user')) }
      const client = server.client(author.token)
      const space = await world.workspace(author)
      proxy.reset()
      proxy.script('GetTreeEntries', { delayMs: SLOW_MS })
      const begun = client.get(`${space}/files`)
      await until(async () => proxy.calls.some(({ method }) => method === 'GetTreeEntries'), 'the listing has begun')
      const exited = once(server.process, 'exit')
      server.process.kill(signal)
      const refused = until(
        () =>
          client.get('/api/health').then(
            () => false,
            () => true,
          ),
        'new connections are refused',
        SLOW_MS,
      )
      await refused
      expect((await begun).status).toBe(200)
      // Its client would keep the connection for more than a minute.
      expect(await within(20_000, exited)).toEqual([0, null])
      expect(server.logs.some(({ message }) => message === `received ${signal}, shutting down`)).toBe(true)
    },
  )
})
