// The profile ‘as the real Conman is’, held against the contract's walk-throughs (http-api, chapter 5): a client that does
// literally what is written there gets through, and each difference is really there. Then the harness itself meets it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stack, startStack } from '../../harness/stack/stack.ts'
import { UNTHROTTLED } from '../../harness/target/own-stack.ts'
import { asReal } from './as-real/as-real.ts'
import { Runs } from './before.ts'
import { AwkwardProxy } from './proxy.ts'

/** Ten jobs wait in the walk; the real second each would only make it longer. */
const JOB_EVERY_MS = 300

let stack: Stack
let proxy: AwkwardProxy
beforeAll(async () => {
  stack = await startStack({ env: UNTHROTTLED })
  proxy = await AwkwardProxy.start(stack.baseUrl)
  proxy.aim({ does: asReal(proxy, { outboxFile: stack.outboxFile, jobEvery_ms: JOB_EVERY_MS }) })
})
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await stack?.[Symbol.asyncDispose]()
})

// biome-ignore lint/suspicious/noExplicitAny: answers of a server that differs on purpose
type Loose = any

interface Said {
  status: number
  text: string
  headers: Headers
  body: Loose
}

async function ask(method: string, path: string, token?: string, body?: unknown): Promise<Said> {
  const response = await fetch(`${proxy.url}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
  })
  const text = await response.text()
  let parsed: Loose
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  return { status: response.status, text, headers: response.headers, body: parsed }
}

async function data(method: string, path: string, token?: string, body?: unknown): Promise<Loose> {
  const said = await ask(method, path, token, body)
  expect(said, `${method} ${path}: ${said.text.slice(0, 300)}`).toMatchObject({ status: 200 })
  return said.body.data
}

const login = async (email: string, password: string): Promise<string> =>
  (await data('POST', '/api/auth/login', undefined, { email, password })).token

const base64 = (text: string) => Buffer.from(text).toString('base64')
const PASSWORD = 'Passw0rd-123456'

describe('the walk-throughs of the contract', () => {
  test('from an empty database to a temporary environment', async () => {
    await stack.createRepository('real/demo.git', { 'README.md': '# Demo\n', 'config/app.yaml': 'a: 1\n' })

    // 5.1 A team. A new app is open to the next login only.
    const T0 = await login(stack.adminEmail, stack.adminPassword)
    const app = await data('POST', '/api/apps', T0, { name: 'demo', repo_path: 'real/demo.git' })
    const A = `/api/apps/${app.id}`
    expect((await ask('GET', A, T0)).status).toBe(403)
    expect(await data('GET', '/api/apps', T0)).toEqual([])
    const T1 = await login(stack.adminEmail, stack.adminPassword)
    expect((await data('GET', A, T1)).settings.canonical_env_id).toBeNull()
    const people: Record<string, { token: string; id: string }> = {}
    for (const role of ['user', 'reviewer', 'config_manager']) {
      const invite = await data('POST', `${A}/invites`, T1, { email: `${role}@example.com`, role })
      const accepted = { token: invite.token, name: role, password: PASSWORD }
      const { token, user } = await data('POST', '/api/auth/accept-invite', undefined, accepted)
      people[role] = { token, id: user.id }
    }
    const [U, R, M] = [people.user!.token, people.reviewer!.token, people.config_manager!.token]
    expect((await data('GET', `${A}/members`, U)).length).toBe(4)
    expect((await ask('GET', `${A}/invites`, T1)).status).toBe(405)

    // A role that was given works after the next login only.
    await data('POST', `${A}/members`, T1, { user_id: people.user!.id, role: 'reviewer' })
    expect((await ask('POST', `${A}/changesets/${'0'.repeat(24)}/review`, U, { action: 'approve' })).status).toBe(403)
    await data('POST', `${A}/members`, T1, { user_id: people.user!.id, role: 'user' })

    // 5.2 Environments and a profile.
    expect(await data('GET', `${A}/environments`, U)).toEqual([])
    const profile = await data('POST', `${A}/runtime-profiles`, T1, {
      ...{ name: 'Dev', kind: 'persistent_env', base_url: 'https://dev.example.test', database_engine: 'mongodb' },
      ...{ connection_ref: 'r', provisioning_mode: 'managed', secrets: { API_KEY: 'dev-secret-key' } },
    })
    expect(await data('POST', `${A}/runtime-profiles/${profile.id}/secrets/API_KEY/reveal`, T1)).toEqual({
      key: 'API_KEY',
      value: 'dev-secret-key',
    })
    const rows = [
      { name: 'dev', position: 0, runtime_profile_id: profile.id },
      { name: 'qa', position: 1 },
      { name: 'prod', position: 2, is_canonical: true },
    ]
    const first = await data('PATCH', `${A}/environments`, T1, { environments: rows })
    const [dev, qa] = await data('PATCH', `${A}/environments`, T1, { environments: rows })
    expect(first[0].id).not.toBe(dev.id)

    // 5.3 Edit, submit, review, queue.
    const [space] = await data('GET', `${A}/workspaces`, U)
    const W = `${A}/workspaces/${space.id}`
    expect(await ask('GET', `${W}/files?path=nothing.yaml`, U)).toMatchObject({
      status: 502,
      body: { error: { code: 'git_error' } },
    })
    expect(await data('POST', `${W}/sync-integration`, U)).toMatchObject({ clean: true, head_sha: '' })
    expect((await data('GET', W, U)).head_sha).toBe('')
    expect((await ask('POST', `${W}/reset`, U)).status).toBe(502)
    await data('PUT', `${W}/files`, U, { path: 'lost.txt', content: base64('lost') })
    await data('PUT', `${W}/files`, U, { path: 'config/app.yaml', content: base64('a: 2\n'), message: 'edit' })
    expect((await data('GET', W, U)).head_sha).toMatch(/^[0-9a-f]{40}$/)
    expect((await ask('GET', `${W}/files?path=lost.txt`, U)).status).toBe(502)
    expect(await data('GET', `${W}/files?path=config/app.yaml`, U)).toEqual({
      ...{ path: 'config/app.yaml', content: base64('a: 2\n'), size: 5 },
    })
    const unchanged = { path: 'config/app.yaml', content: base64('a: 1\n') }
    expect((await ask('PUT', `${W}/files`, U, unchanged)).status).toBe(502)
    await data('PUT', `${W}/files`, U, { path: 'config/app.yaml', content: base64('a: 2\n'), message: 'edit' })
    const changeset = await data('POST', `${A}/changesets`, U, { workspace_id: space.id, title: 'C1' })
    const C = `${A}/changesets/${changeset.id}`
    expect(changeset).not.toHaveProperty('approval_count')
    expect(changeset.created_at).toMatch(/\.\d{9}Z$/)
    const submitted = await data('POST', `${C}/submit`, U, {})
    expect(Object.keys(submitted).sort()).toEqual(['changeset', 'job'])
    expect(submitted.job.state).toBe('queued')
    expect((await ask('POST', `${C}/review`, R, { decision: 'approved' })).status).toBe(422)
    await ended(A, M, submitted.job.id)
    await data('POST', `${C}/review`, R, { action: 'approve' })
    expect((await data('POST', `${C}/queue`, M)).state).toBe('queued')
    expect((await data('GET', `${A}/changesets?state=draft`, M)).length).toBe(1)

    // 5.4 A release; its first publish is refused, and says by which gate.
    const release = await data('POST', `${A}/releases`, M)
    const RE = `${A}/releases/${release.id}`
    await data('POST', `${RE}/changesets`, M, { changeset_ids: [changeset.id] })
    const assembling = await data('POST', `${RE}/assemble`, M)
    expect((await ask('POST', `${RE}/publish`, M)).status).toBe(409)
    await ended(A, M, assembling.job.id)
    expect(await ask('POST', `${RE}/publish`, M)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    await ended(A, M, (await newest(A, M, 'msuite_merge', release.id)).id)
    expect((await data('POST', `${RE}/publish`, M)).released_changesets).toEqual([changeset.id])

    // 5.5 Deploy in three calls, promote, roll back.
    await deployed(A, M, dev.id, 'deploy', release.id)
    await deployed(A, M, qa.id, 'promote', release.id)
    expect((await data('GET', RE, M)).state).toBe('published')
    expect((await data('GET', `${A}/deployments`, M))[0]).not.toHaveProperty('rollback_mode')

    // 5.6 A temporary environment.
    const { temp_env, job } = await data('POST', `${A}/temp-envs`, U, { kind: 'workspace', source_id: space.id })
    expect(temp_env.state).toBe('provisioning')
    await ended(A, U, job.id)
    const T = `${A}/temp-envs/${temp_env.id}`
    const shown = async () => (await data('GET', `${A}/temp-envs`, U))[0].state
    await expect.poll(shown).toBe('active')
    await data('POST', `${T}/extend`, U, { seconds: 7200 })
    await expect(ask('POST', `${T}/extend`, U, { seconds: 1e13 })).rejects.toThrow('fetch failed')
    expect((await data('DELETE', T, U)).temp_env.state).toBe('deleted')
    expect((await data('POST', `${T}/undo-expire`, U)).temp_env.state).toBe('active')
    expect((await ask('GET', `${A}/audit`, T1)).status).toBe(404)
  })

  test('what is on the wire', async () => {
    const T = await login(stack.adminEmail, stack.adminPassword)
    const health = await ask('GET', '/api/health')
    expect(health.body.components.map((one: Loose) => one.name)).toEqual(['mongo', 'gitaly', 'job_runner'])
    expect(health.body).not.toHaveProperty('version')
    expect((await ask('GET', '/api/metrics')).status).toBe(403)
    expect((await ask('GET', '/api/metrics', T)).text).toContain('# TYPE')
    expect(await ask('GET', '/api/apps')).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
    const list = await ask('GET', '/api/apps', T)
    expect([...list.headers.keys()].filter((name) => /rate|retry/.test(name))).toEqual([])
    expect(await ask('GET', '/api/apps?page=abc', T)).toMatchObject({ status: 400, body: undefined })
    expect(await ask('GET', '/api/apps?page=0', T)).toMatchObject({ status: 400, body: { error: {} } })
    expect((await ask('GET', `/api/apps?page=${2 ** 63}`, T)).status).toBe(500)
    expect(await ask('POST', '/api/apps', T, { name: 7 })).toMatchObject({ status: 422, body: undefined })
    const wrong = { email: stack.adminEmail, password: 'not-the-password' }
    expect((await ask('POST', '/api/auth/login', undefined, wrong)).body.error.code).toBe('unauthorized')
  })

  test('a forgotten password comes back with its token, and works', async () => {
    const known = { email: 'user@example.com' }
    const { reset_token: token } = await data('POST', '/api/auth/forgot-password', undefined, known)
    expect(token).toMatch(/\S{20,}/)
    const unknown = await data('POST', '/api/auth/forgot-password', undefined, { email: 'nobody@example.com' })
    expect(unknown).not.toHaveProperty('reset_token')
    const changed = { token, new_password: 'An0ther-password' }
    await data('POST', '/api/auth/reset-password', undefined, changed)
    expect((await ask('POST', '/api/auth/reset-password', undefined, changed)).status).toBe(403)
    const T = await login('user@example.com', 'An0ther-password')
    // Preferences that are changed before they were read are spoilt.
    expect((await ask('PATCH', '/api/me/notification-preferences', T, { email_enabled: false })).status).toBe(500)
    expect((await ask('GET', '/api/me/notification-preferences', T)).status).toBe(500)
  })
})

describe('the harness before it', () => {
  test('the contract probe walks the whole flow to its end, and names what differs', async () => {
    using runs = new Runs(stack)
    const ran = await runs.run('CONTRACT', proxy.url)
    const { steps } = JSON.parse(readFileSync(join(ran.folder, 'CONTRACT/evidence.json'), 'utf8')) as {
      steps: { id: string; of_flow: boolean; reached: boolean; differences: { id: string }[] }[]
    }
    // What the real one cannot do at all: a second edit to delete (HD53), a reset (HD58). Everything after them is reached.
    const missed = steps.filter(({ of_flow, reached }) => of_flow && !reached).map(({ id }) => id)
    expect(['delete', 'reset']).toEqual(expect.arrayContaining(missed))
    const named = new Set(steps.flatMap(({ differences }) => differences.map(({ id }) => id)))
    expect([...named]).toEqual(
      expect.arrayContaining(['HD1', 'HD9', 'HD13', 'HD16', 'HD19', 'HD21', 'HD51', 'HD73', 'HD113']),
    )
    // What differs is said in the verdict too, and is no fault of the harness.
    expect(ran.verdicts.exit_code).not.toBe(4)
    expect(JSON.stringify(ran.details[0])).toContain('HD16')
  })
})

async function ended(app: string, token: string, id: string): Promise<void> {
  const state = async () => (await data('GET', `${app}/jobs/${id}`, token)).job.state
  await expect.poll(state, { timeout: 30_000 }).toBe('succeeded')
}

async function newest(app: string, token: string, type: string, entity: string): Promise<Loose> {
  const rows: Loose[] = await data('GET', `${app}/jobs?type=${type}`, token)
  // The filter is ignored.
  expect(new Set(rows.map((row) => row.job_type)).size).toBeGreaterThan(1)
  return rows.find((row) => row.job_type === type && row.entity_id === entity)
}

async function deployed(app: string, token: string, environment: string, action: string, release: string) {
  let refused = 0
  for (;;) {
    const said = await ask('POST', `${app}/environments/${environment}/${action}`, token, { release_id: release })
    if (said.status === 200) {
      expect(refused).toBeGreaterThanOrEqual(2)
      await ended(app, token, said.body.data.job.id)
      return
    }
    expect(said.status, said.text).toBe(409)
    refused += 1
    await delay(100)
  }
}
