/** What health says of the job runner, from its heartbeats; of the git backend see git/resilience.test.ts. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createWorld, HAS_PARTS, type World } from '../test/world.ts'

const STALE_S = 60

describe.skipIf(!HAS_PARTS)('the health of the job runner', () => {
  let world: World

  beforeAll(async () => {
    world = await createWorld({ args: ['--role', 'api'], env: { CONMAN_RUNNER_STALE_SECONDS: String(STALE_S) } })
  })
  beforeEach(() => beats().deleteMany({}))
  afterAll(() => world?.[Symbol.asyncDispose]())

  const beats = () =>
    world.db.collection<{ _id: string; beat_at: unknown; metrics: string | null }>('job_runner_heartbeats')
  const silentFor = (seconds: number) => new Date(Date.now() - seconds * 1000)
  async function seen() {
    const { status, body } = await world.anonymous.get('/api/health')
    const runner = body.components.find(({ name }: { name: string }) => name === 'job_runner')
    return { http: status, overall: body.status, runner: runner.status, detail: runner.detail }
  }

  test.each([
    [0, 'healthy', 200, 'ok'],
    [STALE_S - 5, 'healthy', 200, 'ok'],
    [STALE_S + 1, 'degraded', 200, 'degraded'],
    [2 * STALE_S + 1, 'unhealthy', 503, 'degraded'],
  ])('silent for %i s it is %s', async (seconds, runner, http, overall) => {
    await beats().insertOne({ _id: 'worker', beat_at: silentFor(seconds), metrics: null })
    // An answer is reused for half a second.
    await expect.poll(seen, { timeout: 5_000 }).toMatchObject({ runner, http, overall })
  })

  test('without a runner it is unhealthy, and with several the newest counts', async () => {
    await expect.poll(seen, { timeout: 5_000 }).toMatchObject({ runner: 'unhealthy', http: 503 })
    await beats().insertMany([
      { _id: 'old', beat_at: silentFor(3_600), metrics: null },
      { _id: 'new', beat_at: silentFor(1), metrics: null },
    ])
    await expect.poll(seen, { timeout: 5_000 }).toMatchObject({ runner: 'healthy', detail: 'heartbeat current' })
  })

  test('the scrape shows the newest heartbeat and the components, whatever a row holds', async () => {
    await beats().insertMany([
      { _id: 'broken', beat_at: silentFor(2), metrics: '{"no": "list"' },
      { _id: 'new', beat_at: silentFor(1), metrics: null },
    ])
    await expect.poll(async () => (await seen()).runner, { timeout: 5_000 }).toBe('healthy')
    const text = String((await world.anonymous.get('/api/metrics')).body)
    const at = Number(/^conman_job_runner_heartbeat_timestamp_seconds (\S+)$/m.exec(text)?.[1])
    expect(Math.abs(Date.now() / 1000 - at)).toBeLessThan(30)
    for (const component of ['mongodb', 'gitaly', 'job_runner']) {
      expect(text).toContain(`conman_component_up{component="${component}"} 1`)
    }
  })
})
