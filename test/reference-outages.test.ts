// The bundled Conman through outages of MongoDB, on a whole stack: what it says meanwhile, that no answer takes for ever, that
// nothing acknowledged is lost, and that it mends itself. (What the faults of the go-live list ask of a target is judged by
// their checks; this is about the server that those checks are proven on.)

import { setTimeout as delay } from 'node:timers/promises'
import { MongoClient, ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stack, startStack } from '../harness/stack/stack.ts'
import { waitFor } from '../harness/stack/wait-for.ts'

/** Longer than the server's own bounds: 3.5 s for a primary to be found, 10 s for a majority to answer. */
const ANSWER_WITHIN_MS = 15_000
const HEAL_WITHIN_MS = 60_000

interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the tests are about
  body: any
  took_ms: number
}

describe('the bundled Conman', () => {
  let stack: Stack
  let mongo: MongoClient
  let token = ''
  let app = ''
  let space = ''

  beforeAll(async () => {
    stack = await startStack({
      env: {
        CONMAN_RATE_LIMIT_USER_PER_MINUTE: '0',
        CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '0',
        CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '0',
        CONMAN_RUNNER_STALE_SECONDS: '2',
        CONMAN_JOB_POLL_INTERVAL_MS: '100',
      },
    })
    mongo = await new MongoClient(stack.mongoUri).connect()
    const login = { email: stack.adminEmail, password: stack.adminPassword }
    token = (await ask('POST', '/api/auth/login', login)).body.data.token
    await stack.createRepository('outages.git', { 'README.md': '# Outages\n' })
    const made = await ask('POST', '/api/apps', { name: 'outages', repo_path: 'outages.git' })
    app = `/api/apps/${made.body.data.id}`
    space = `${app}/workspaces/${(await ask('GET', `${app}/workspaces`)).body.data[0].id}`
  })
  afterAll(async () => {
    await mongo?.close()
    await stack?.[Symbol.asyncDispose]()
  })

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const started = performance.now()
    const response = await fetch(`${stack.baseUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(2 * ANSWER_WITHIN_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: await response.json(), took_ms: performance.now() - started }
  }

  async function component(name: string): Promise<string> {
    const { body } = await ask('GET', '/api/health')
    return body.components.find((one: { name: string }) => one.name === name).status
  }

  const healthy = () =>
    waitFor(async () => (await ask('GET', '/api/health')).status === 200, {
      what: 'all components to be healthy',
      within_ms: HEAL_WITHIN_MS,
      every_ms: 100,
    })

  const content = (text: string) => Buffer.from(text).toString('base64')
  const write = (path: string) => ask('PUT', `${space}/files`, { path, content: content(path) })

  /** Writes one file after the other until told to stop; answers those that were acknowledged, and every other status. */
  function writing(prefix: string) {
    let stop = false
    const acknowledged: string[] = []
    const refused: Answer[] = []
    const done = (async () => {
      for (let number = 0; !stop; number += 1) {
        const path = `${prefix}/${number}.txt`
        const answer = await write(path)
        if (answer.status === 200) acknowledged.push(path)
        else refused.push(answer)
        await delay(20)
      }
    })()
    return {
      acknowledged,
      refused,
      async end() {
        stop = true
        await done
      },
    }
  }

  async function expectAllThere(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const read = await ask('GET', `${space}/files?path=${path}`)
      expect([path, read.status, read.body.data?.content]).toEqual([path, 200, content(path)])
    }
  }

  test('a step-down of the primary: writes go on after the election, and none that was acknowledged is lost', async () => {
    const load = writing('step-down')
    await waitFor(() => load.acknowledged.length >= 5, { what: 'some writes', within_ms: 20_000 })
    await stack.replicaSet.stepDown()
    const during = load.acknowledged.length
    await waitFor(() => load.acknowledged.length >= during + 10, { what: 'writes to go on', within_ms: 30_000 })
    await load.end()
    await healthy()
    for (const answer of load.refused) {
      expect(answer.body.error.code).toMatch(/^(unavailable|internal)$/)
      expect(answer.took_ms).toBeLessThan(ANSWER_WITHIN_MS)
    }
    await expectAllThere(load.acknowledged)
  })

  test('all members gone: health says so in time, every answer is bounded, and it recovers by itself', async () => {
    const load = writing('outage')
    await waitFor(() => load.acknowledged.length >= 5, { what: 'some writes', within_ms: 20_000 })
    for (const { process } of stack.replicaSet.members) process.kill('SIGKILL')
    await waitFor(async () => (await component('mongodb')) === 'unhealthy', {
      what: 'health to say that MongoDB is unhealthy',
      within_ms: 10_000,
    })
    const health = await ask('GET', '/api/health')
    expect([health.status, health.body.status]).toEqual([503, 'degraded'])
    expect(health.took_ms).toBeLessThan(5_000)
    expect(await component('gitaly')).toBe('healthy')
    const refused = await ask('GET', `${app}/changesets`)
    expect([refused.status, refused.body.error.code]).toEqual([503, 'unavailable'])
    expect(refused.took_ms).toBeLessThan(ANSWER_WITHIN_MS)
    // Metrics answer above all now.
    expect((await fetch(`${stack.baseUrl}/api/metrics`)).status).toBe(200)
    await load.end()

    const pids = [stack.api.pid, stack.worker.pid]
    await Promise.all(stack.replicaSet.members.map(({ process }) => process.restart()))
    await healthy()
    expect([stack.api.pid, stack.worker.pid]).toEqual(pids)
    expect((await write('outage/after.txt')).status).toBe(200)
    await expectAllThere([...load.acknowledged, 'outage/after.txt'])
  })

  test('the worker cut off from MongoDB: the API serves, health names the runner, and it takes up its work again', async () => {
    const proxy = await stack.toxiproxy.get('mongo-worker')
    const at = { listen: proxy.listen, upstream: proxy.upstream }
    await proxy.update({ enabled: false, ...at })
    await waitFor(async () => (await component('job_runner')) !== 'healthy', {
      what: 'health to name the job runner',
      within_ms: 20_000,
    })
    expect(await component('mongodb')).toBe('healthy')
    expect((await ask('GET', `${app}/changesets`)).status).toBe(200)
    expect((await write('cut/while.txt')).status).toBe(200)
    const now = new Date()
    const job = {
      _id: new ObjectId(),
      app_id: new ObjectId(app.slice(-24)),
      job_type: 'msuite_submit',
      state: 'queued',
      entity_type: 'changeset',
      entity_id: 'f'.repeat(24),
      payload: {},
      result: null,
      error_message: null,
      retry_count: 0,
      max_retries: 0,
      timeout_ms: 60_000,
      created_by: null,
      created_at: now,
      started_at: null,
      finished_at: null,
      updated_at: now,
    }
    await mongo.db(stack.databaseName).collection('jobs').insertOne(job)
    const state = async () => (await ask('GET', `${app}/jobs/${job._id}`)).body.data?.job.state
    await delay(1_000)
    expect(await state()).toBe('queued')
    await proxy.update({ enabled: true, ...at })
    await waitFor(async () => (await state()) === 'succeeded', {
      what: 'the job to be done',
      within_ms: HEAL_WITHIN_MS,
    })
    await healthy()
  })
})
