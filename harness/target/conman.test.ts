// The client before small servers that differ as real ones do (contract: http-api, chapter 6, column 'tolerate'): it gets
// what it asked for, or says in one line why not, and counts what it took.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createApp, invite, listApps } from './conman/apps.ts'
import { comment, diffFiles, listChangesets, review, submit } from './conman/changesets.ts'
import { createProfile } from './conman/environments.ts'
import { listJobs } from './conman/jobs.ts'
import { createDraft } from './conman/releases.ts'
import { createTemporary, deleteTemporary } from './conman/temporary-environments.ts'
import { readFile, writeFile } from './conman/workspaces.ts'
import { Conman, ConmanError, type Made } from './conman.ts'
import { HttpClient } from './http.ts'

interface Asked {
  method: string
  path: string
  query: URLSearchParams
  // biome-ignore lint/suspicious/noExplicitAny: what the client sent, looked at member by member
  body: any
}

/** A status and a body, JSON unless it is text; or a way of one's own to answer. */
type Said = [status: number, body?: unknown] | ((response: ServerResponse) => void)

async function facing(answer: (asked: Asked) => Said): Promise<AsyncDisposable & { conman: Conman; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '/', 'http://conman.invalid')
    const text = Buffer.concat(await request.toArray()).toString()
    const one = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      body: text === '' ? undefined : JSON.parse(text),
    }
    asked.push(one)
    const said = answer(one)
    if (typeof said === 'function') return said(response)
    const [status, body] = said
    const isText = typeof body === 'string'
    response.writeHead(status, { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json' })
    response.end(body === undefined ? '' : isText ? body : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const http = new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    conman: new Conman(http),
    asked,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
    },
  }
}

const APP = { id: 'a1', name: 'demo', repo_path: 'demo.git', integration_branch: 'main' }
const CHANGESET = { id: 'c1', title: 'T', state: 'approved', workspace_id: 'w1', author_user_id: 'u1', revision: 1 }
const RELEASE = { id: 'r1', tag: 'r2026.1.1.1', state: 'published', ordered_changeset_ids: ['c1'] }
const job = (id: string, more: object = {}) => ({
  id,
  job_type: 'msuite_merge',
  state: 'succeeded',
  entity_id: 'r1',
  ...more,
})
const conflict = [409, { error: { code: 'conflict', message: 'conflict: not yet' } }] satisfies Said

test('what is said both ways, and read both ways', async () => {
  const answers = [{ review: { id: 'x' }, changeset: CHANGESET }, CHANGESET]
  await using there = await facing(() => [200, { data: answers.shift() }])
  for (const _ of [1, 2]) {
    const changeset = await there.conman.do('t', review('a1', 'c1', 'request_changes'))
    expect(changeset).toMatchObject({ id: 'c1', state: 'approved', revision: 1 })
  }
  expect(there.asked[0]!.body).toEqual({ action: 'request_changes', decision: 'changes_requested' })
})

test('the specification’s names where Conman’s are absent', async () => {
  const { revision: _, ...unnumbered } = CHANGESET
  const listed = { files: [{ path: 'a.yaml' }] }
  await using there = await facing(({ path }) =>
    path.endsWith('/diff') ? [200, { data: listed }] : [200, { data: [{ ...unnumbered, current_revision: 4 }] }],
  )
  expect(await there.conman.do('t', listChangesets('a1'))).toMatchObject([{ revision: 4 }])
  expect(await there.conman.do('t', diffFiles('a1', 'c1'))).toEqual(['a.yaml'])
  expect(Object.fromEntries(there.asked[1]!.query)).toEqual({ format: 'semantic', mode: 'semantic' })
})

test.each([200, 201])('a creation that answers %i', async (status) => {
  await using there = await facing(() => [status, { data: APP }])
  expect(await there.conman.do('t', createApp({ name: 'demo', repoPath: 'demo.git' }))).toMatchObject({ id: 'a1' })
})

test('a creation that answers 204 is found by the list, on whatever page it is', async () => {
  const others = Array.from({ length: 3 }, (_, index) => ({ ...APP, id: `o${index}`, name: `other-${index}` }))
  await using there = await facing(({ method, path, query }) => {
    if (method !== 'GET') return [204]
    if (path.endsWith('/apps')) {
      const rows = query.get('page') === '1' ? others : [APP]
      return [200, { data: rows, pagination: { page: 1, limit: 3, total: 4 } }]
    }
    return [200, { data: [{ id: 'e1', state: 'provisioning', source_id: 'w1' }] }]
  })
  expect(await there.conman.do('t', createApp({ name: 'demo', repoPath: 'demo.git' }))).toMatchObject({ id: 'a1' })
  const temporary = await there.conman.do('t', createTemporary('a1', { kind: 'workspace', id: 'w1' }))
  expect(temporary).toEqual({ environment: expect.objectContaining({ id: 'e1' }), job: null })
  expect(await there.conman.do('t', deleteTemporary('a1', 'e1'))).toBeNull()
  // Without a list there is nothing to find it by.
  await expect(there.conman.do('t', invite('a1', 'a@b.test', 'user'))).rejects.toThrow(
    /no object where an invite belongs/,
  )
})

test('a success without what it should hold, and refusals in any form, are ConmanErrors that say so', async () => {
  const answers: Said[] = [
    [200, { data: { ...APP, id: 7 } }],
    [422, 'Failed to deserialize the JSON body: missing field `name`'],
    [400, { error: { code: 'validation_error', message: 'validation: no' } }],
    [404],
  ]
  const seen: unknown[] = []
  await using there = await facing(() => answers.shift()!)
  for (const _ of [1, 2, 3, 4]) {
    const error = await there.conman.do('t', createApp({ name: 'x', repoPath: 'y' })).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ConmanError)
    seen.push({ message: (error as ConmanError).message, status: (error as ConmanError).status })
  }
  expect(seen).toEqual([
    { message: "creating app x: the answer has no text 'id' (HTTP 200)", status: 200 },
    { message: 'creating app x: HTTP 422: Failed to deserialize the JSON body: missing field `name`', status: 422 },
    { message: 'creating app x: HTTP 400 validation_error: validation: no', status: 400 },
    { message: 'creating app x: HTTP 404', status: 404 },
  ])
})

test('file content goes and comes as base64, and what is none is not taken for a file', async () => {
  const bytes = Buffer.from([0, 255, 10, 13])
  const contents = [bytes.toString('base64'), 'plain text!']
  await using there = await facing(({ method }) =>
    method === 'PUT'
      ? [200, { data: { commit_sha: 'f'.repeat(40), path: 'a' } }]
      : [200, { data: { path: 'a', content: contents.shift() } }],
  )
  await there.conman.do('t', writeFile('a1', 'w1', { path: 'a', content: bytes }))
  expect(there.asked[0]!.body.content).toBe('AP8KDQ==')
  expect(await there.conman.do('t', readFile('a1', 'w1', 'a'))).toEqual(bytes)
  await expect(there.conman.do('t', readFile('a1', 'w1', 'a'))).rejects.toThrow("'content' is not base64")
})

test('filters that a target ignores are applied to all pages', async () => {
  const rows = Array.from({ length: 250 }, (_, index) => ({
    ...CHANGESET,
    id: `c${index}`,
    state: index % 10 === 0 ? 'queued' : 'draft',
  }))
  await using there = await facing(({ query }) => {
    const [page, limit] = [Number(query.get('page') ?? 1), Number(query.get('limit') ?? 20)]
    const from = (page - 1) * limit
    return [200, { data: rows.slice(from, from + limit), pagination: { page, limit, total: rows.length } }]
  })
  const queued = await there.conman.all('t', listChangesets('a1', { state: 'queued' }))
  expect(queued).toHaveLength(25)
  expect(there.asked.map(({ query }) => query.toString())).toEqual([
    'state=queued&page=1&limit=100',
    'state=queued&page=2&limit=100',
    'state=queued&page=3&limit=100',
  ])
  expect(await there.conman.count('t', listChangesets('a1', { state: 'queued' }))).toBe(25)
})

test('the newest job is read no further than to it, on whatever page it is', async () => {
  const rows = Array.from({ length: 100_000 }, (_, index) =>
    job(`j${index}`, { entity_id: index < 150 ? 'r9' : 'r1', job_type: 'msuite_merge' }),
  )
  await using there = await facing(({ query }) => {
    const page = Number(query.get('page'))
    return [200, { data: rows.slice((page - 1) * 100, page * 100), pagination: { page, total: rows.length } }]
  })
  expect(await there.conman.newestJob('t', 'a1', 'msuite_merge', 'r1')).toMatchObject({ id: 'j150' })
  expect(there.asked.map(({ query }) => query.get('page'))).toEqual(['1', '2'])
})

test('a target that filters is believed how many there are', async () => {
  await using there = await facing(({ query }) => [
    200,
    { data: [CHANGESET], pagination: { page: 1, limit: 1, total: query.has('state') ? 40 : 900 } },
  ])
  expect(await there.conman.count('t', listChangesets('a1', { state: 'approved' }))).toBe(40)
  expect(there.asked).toHaveLength(2)
})

test('a publish behind a gate: refused, its job awaited though the list is not filtered, and done', async () => {
  let published = 0
  let polls = 0
  await using there = await facing(({ method, path }) => {
    if (method === 'POST')
      return ++published === 1 ? conflict : [200, { data: { release: RELEASE, released_changesets: [] } }]
    if (path.endsWith('/jobs/j2'))
      return [200, { data: { job: job('j2', { state: ++polls < 3 ? 'running' : 'succeeded' }), logs: [] } }]
    return [200, { data: [job('j9', { entity_id: 'r9', state: 'failed' }), job('j2', { state: 'queued' })] }]
  })
  expect(await there.conman.publish('t', 'a1', 'r1')).toMatchObject({ id: 'r1', state: 'published' })
  expect(published).toBe(2)
  expect(there.conman.statistics().retries).toEqual([{ reason: 'gate job', count: 1, waited_s: expect.any(Number) }])
})

test('a deploy behind two gates takes three calls', async () => {
  const jobs: object[] = []
  const gates = [
    job('d', { job_type: 'runtime_profile_drift_check', entity_id: 'e1' }),
    job('s', { job_type: 'msuite_deploy', entity_id: 'e1:r1' }),
  ]
  const deployment = { id: 'x', environment_id: 'e1', release_id: 'r1', state: 'pending' }
  await using there = await facing(({ method }) => {
    if (method === 'GET') return [200, { data: jobs }]
    const gate = gates.shift()
    if (gate === undefined) return [200, { data: { deployment, job: job('j', { job_type: 'deploy_release' }) } }]
    jobs.unshift(gate)
    return conflict
  })
  const placed = await there.conman.deploy('t', 'a1', 'promote', { environmentId: 'e1', releaseId: 'r1' })
  expect(placed).toMatchObject({ deployment: { id: 'x' }, job: { id: 'j', type: 'deploy_release' } })
  expect(there.asked.filter(({ method }) => method === 'POST')).toHaveLength(3)
  expect(there.asked[0]!.body).toMatchObject({ release_id: 'r1', is_skip_stage: false, approvals: [] })
})

test('a 409 that no gate explains is a refusal, once lists have had the time to tell of one', async () => {
  const jobs: object[] = []
  await using there = await facing(({ method }) => (method === 'POST' ? conflict : [200, { data: jobs }]))
  await expect(there.conman.publish('t', 'a1', 'r1')).rejects.toThrow(/publishing a release: HTTP 409 conflict/)
  expect(there.asked.filter(({ method }) => method === 'POST')).toHaveLength(4)
  // Gates of long ago are no reason to try for ever.
  jobs.push(job('old'))
  await expect(there.conman.publish('t', 'a1', 'r1')).rejects.toThrow(/HTTP 409/)
  expect(there.asked.filter(({ method }) => method === 'POST')).toHaveLength(9)
})

test('a gate that a list does not show yet is waited for', async () => {
  let lists = 0
  await using there = await facing(({ method }) =>
    method === 'GET' ? [200, { data: ++lists > 4 ? [job('j')] : [] }] : lists > 4 ? [200, { data: RELEASE }] : conflict,
  )
  expect(await there.conman.publish('t', 'a1', 'r1')).toMatchObject({ state: 'published' })
})

test('a gate that fails is named', async () => {
  const failed = job('j1', { state: 'failed', error_message: 'command `exit 3` failed' })
  await using there = await facing(({ method, path }) =>
    method === 'POST'
      ? conflict
      : path.endsWith('/j1')
        ? [200, { data: { job: failed } }]
        : [200, { data: [{ ...failed, state: 'running' }] }],
  )
  await expect(there.conman.publish('t', 'a1', 'r1')).rejects.toThrow(
    /its gate, the job msuite_merge, is failed: command `exit 3` failed/,
  )
})

test('a job that the answer does not carry is found by the list', async () => {
  await using there = await facing(({ method, path }) => {
    if (method === 'POST') return [200, { data: { ...CHANGESET, state: 'submitted' } }]
    if (path.endsWith('/jobs'))
      return [200, { data: [job('n', { entity_id: 'c2' }), job('m', { entity_id: 'c1', job_type: 'msuite_submit' })] }]
    return [200, { data: job('m') }]
  })
  const submitted = await there.conman.do('t', submit('a1', 'c1'))
  expect(submitted.job).toBeNull()
  const ended = await there.conman.jobEnded('t', 'a1', { type: 'msuite_submit', entityId: 'c1' })
  expect(ended).toMatchObject({ id: 'm', state: 'succeeded' })
})

test('a job that never ends is waited for as long as is said, and comes back as it is', async () => {
  await using there = await facing(({ path }) => [
    200,
    {
      data: path.endsWith('/jobs')
        ? [job('j', { state: 'running' })]
        : { job: job('j', { state: 'running', timeout_ms: 1e12 }) },
    },
  ])
  const started = performance.now()
  const [begun] = await there.conman.all('t', listJobs('a1'))
  expect(await there.conman.jobEnded('t', 'a1', begun!, { within_ms: 300 })).toMatchObject({ state: 'running' })
  expect(performance.now() - started).toBeGreaterThan(300)
  // Asked at first often, then ever less: never a storm.
  expect(there.asked.length).toBeLessThan(20)
})

test('a job’s own time-out bounds the waiting, with a second for each one queued before it', async () => {
  const queue = [job('j', { state: 'queued', timeout_ms: 200 }), job('before', { state: 'queued' })]
  await using there = await facing(({ path }) => [200, { data: path.endsWith('/jobs') ? queue : { job: queue[0] } }])
  const started = performance.now()
  const [begun] = await there.conman.all('t', listJobs('a1'))
  expect(await there.conman.jobEnded('t', 'a1', begun!)).toMatchObject({ state: 'queued' })
  expect(performance.now() - started).toBeGreaterThan(1_200)
})

test('the loser of two writes tries again; what is no write does not', async () => {
  let writes = 0
  await using there = await facing(({ method }) =>
    method === 'PUT' && ++writes > 2
      ? [200, { data: { commit_sha: 'c', path: 'a' } }]
      : [502, { error: { code: 'git_error' } }],
  )
  expect(await there.conman.do('t', writeFile('a1', 'w1', { path: 'a', content: 'x' }))).toBe('c')
  await expect(there.conman.do('t', createDraft('a1'))).rejects.toThrow('HTTP 502 git_error')
  expect(there.asked).toHaveLength(4)
  expect(there.conman.statistics()).toEqual({
    schema: 'readiness-client/1',
    requests: 4,
    by_status: { 502: 3, 200: 1 },
    retries: [{ reason: '502 on a write', count: 2, waited_s: 0.3 }],
  })
})

test('a limit is waited for as the target asks, and counted', async () => {
  let asked = 0
  await using there = await facing(() =>
    ++asked > 1
      ? [200, { data: [] }]
      : (response) => response.writeHead(429, { 'retry-after': '1' }).end('{"error":{"code":"rate_limited"}}'),
  )
  expect(await there.conman.all('t', listApps())).toEqual([])
  expect(there.conman.statistics().retries).toEqual([{ reason: '429', count: 1, waited_s: 1 }])
})

test('a read whose connection breaks is asked again, a write is not', async () => {
  let asked = 0
  await using there = await facing(() => (++asked === 2 ? [200, { data: [] }] : (response) => response.destroy()))
  expect(await there.conman.all('t', listApps())).toEqual([])
  expect(there.conman.statistics()).toMatchObject({
    by_status: { 'no answer': 1, 200: 1 },
    retries: [{ reason: 'no answer', count: 1 }],
  })
  await expect(there.conman.do('t', createDraft('a1'))).rejects.toThrow(/no answer/)
  expect(asked).toBe(3)
})

test('an app is entered with a new session, for roles may be frozen in the old one', async () => {
  await using there = await facing(({ path }) =>
    path.endsWith('/login')
      ? [200, { data: { token: 'new', user: { id: 'u1', email: 'a@b.test', name: 'A' } } }]
      : [200, { data: APP }],
  )
  const account = { email: 'a@b.test', password: 'p', token: 'old' }
  const { app, session } = await there.conman.createApp(account, { name: 'demo', repoPath: 'demo.git' })
  expect([app.id, session.token]).toEqual(['a1', 'new'])
  expect(there.conman.statistics().retries).toEqual([{ reason: 'login again', count: 1, waited_s: 0 }])
})

test('what is made is told before it is sent, and again with its id or its refusal', async () => {
  const answers: Said[] = [
    [201, { data: { ...APP } }],
    [409, {}],
    [500, {}],
    [201, { data: { id: 'k', body: 'hm' } }],
  ]
  const made: (Made & { sent: number })[] = []
  await using there = await facing(() => answers.shift()!)
  const { conman, asked } = there
  conman.onMade = (one) => made.push({ ...one, sent: asked.length })
  await conman.attempt('t', createApp({ name: 'demo', repoPath: 'demo.git' }))
  await conman.attempt('t', invite('a1', 'a@b.test', 'user'))
  await conman.attempt('t', createProfile('a1', { name: 'Dev' }))
  await conman.attempt('t', comment('a1', 'c1', 'hm'))
  const app = { kind: 'app', name: 'demo', app_id: null }
  const invited = { kind: 'invite', name: 'a@b.test', app_id: 'a1', id: null }
  expect(made).toEqual([
    { ...app, id: null, phase: 'intent', sent: 0 },
    { ...app, id: 'a1', phase: 'made', sent: 1 },
    { ...invited, phase: 'intent', sent: 1 },
    { ...invited, phase: 'refused', sent: 2 },
    // After a 500 nobody knows: the intent stands.
    { kind: 'profile', name: 'Dev', app_id: 'a1', id: null, phase: 'intent', sent: 2 },
    { kind: 'comment', name: null, app_id: 'a1', id: null, phase: 'intent', sent: 3 },
    { kind: 'comment', name: null, app_id: 'a1', id: 'k', phase: 'made', sent: 4 },
  ])
})

test('a target that limits for ever is waited for once; then each call is sent once, until it answers something else', async () => {
  let open = false
  await using served = await facing(() =>
    open
      ? [200, { data: [], pagination: { page: 1, limit: 100, total: 0 } }]
      : (response) => response.writeHead(429, { 'retry-after': '0.1' }).end(),
  )
  const conman = new Conman(served.conman.http, () => {}, undefined, 350)
  const calls = async () => {
    const before = served.asked.length
    await conman.attempt('t', listApps())
    return served.asked.length - before
  }
  expect([await calls(), await calls(), await calls()]).toEqual([4, 1, 1])
  open = true
  expect(await calls()).toBe(1)
  open = false
  expect(await calls()).toBe(4)
})

test('a code of several lines is told in one', async () => {
  await using served = await facing(() => [
    400,
    { error: { code: 'bad\nPASS: all is well', message: 'm', request_id: 'r' } },
  ])
  await expect(served.conman.do('t', listApps())).rejects.toThrow(/^listing apps: HTTP 400 bad PASS: all is well: m$/)
})
