/**
 * The whole server as a process, on a real MongoDB and a real git backend.
 *
 * READINESS_TEST_MONGO_URI (a replica set) and READINESS_TEST_GIT_ADDRESS (http://host:port) say where they are; without them
 * these tests are skipped.
 */
import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTokens } from '../auth/tokens.ts'
import { type Client, runCommand, type ServerProcess, startServer, startWorker } from './server-process.ts'

const mongoUri = process.env.READINESS_TEST_MONGO_URI
const gitAddress = process.env.READINESS_TEST_GIT_ADDRESS

const run = randomBytes(4).toString('hex')
const database = `conman_test_${run}`
const SECRET = 'a secret of the tests, long enough'
const PASSWORD = 'Passw0rd-123456'
const env: Record<string, string> = {
  CONMAN_MONGO_URI: mongoUri ?? '',
  CONMAN_MONGO_DB: database,
  CONMAN_GITALY_ADDRESS: gitAddress ?? '',
  CONMAN_JWT_SECRET: SECRET,
  CONMAN_SECRETS_MASTER_KEY: 'the master key of the tests',
  CONMAN_TEMP_URL_DOMAIN: 'example.test',
  CONMAN_RATE_LIMIT_USER_PER_MINUTE: '0',
  CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '0',
  CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '0',
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

describe.skipIf(mongoUri === undefined || gitAddress === undefined)('the server', { timeout: 60_000 }, () => {
  let mongo: MongoClient
  let server: ServerProcess
  let anonymous: Client
  let admin: Client
  let adminId: string
  let app: string

  beforeAll(async () => {
    mongo = await new MongoClient(mongoUri ?? '').connect()
    const created = await runCommand(['bootstrap-admin', 'Admin@Example.com', ' Admin ', PASSWORD], env)
    expect(created).toMatchObject({ code: 0, stderr: '' })
    adminId = /user_id: ([0-9a-f]{24})/.exec(created.stdout)?.[1] ?? ''
    server = await startServer([], env)
    anonymous = server.client()
    admin = server.client(await login('admin@example.com'))
    const answer = await admin.send('POST', '/api/apps', { name: `app-${run}`, repo_path: `test/${run}.git` })
    expect(answer.status).toBe(201)
    app = `/api/apps/${answer.body.data.id}`
  }, 60_000)

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await mongo?.db(database).dropDatabase()
    await mongo?.close()
  })

  async function login(email: string): Promise<string> {
    const answer = await anonymous.send('POST', '/api/auth/login', { email, password: PASSWORD })
    expect(answer.status).toBe(200)
    return answer.body.data.token
  }

  async function join(role: string): Promise<Client> {
    const email = `${role}-${randomBytes(3).toString('hex')}@example.com`
    const invite = await admin.send('POST', `${app}/invites`, { email, role })
    const body = { token: invite.body.data.token, name: role, password: PASSWORD }
    const accepted = await anonymous.send('POST', '/api/auth/accept-invite', body)
    expect(accepted.status).toBe(200)
    return server.client(accepted.body.data.token)
  }

  async function workspace(client: Client): Promise<string> {
    const answer = await client.get(`${app}/workspaces`)
    expect(answer.status).toBe(200)
    return `${app}/workspaces/${answer.body.data[0].id}`
  }

  test('bootstrap-admin answers as specified', async () => {
    const again = await runCommand(['bootstrap-admin', 'admin@example.com', 'Other', PASSWORD], env)
    expect(again.stdout).toMatch(
      /^updated existing user\n {2}user_id: [0-9a-f]{24}\n {2}email: admin@example.com\n {2}mongo: /,
    )
    // Its sessions end with the old password.
    expect((await admin.get('/api/apps')).status).toBe(401)
    admin = server.client(await login('admin@example.com'))
    expect((await admin.get('/api/apps')).status).toBe(200)
    const short = await runCommand(['bootstrap-admin', 'a@example.com', 'A', 'short'], env)
    expect(short).toMatchObject({ code: 1, stdout: '' })
    expect(short.stderr).not.toContain('short')
  })

  test('health names every component', async () => {
    const health = await anonymous.get('/api/health')
    expect(health.status).toBe(200)
    expect(health.body).toMatchObject({ status: 'ok', version: expect.any(String) })
    expect(health.body.components.map(({ name }: { name: string }) => name)).toEqual([
      'mongodb',
      'gitaly',
      'job_runner',
    ])
  })

  test('every error comes in the envelope with the id of the request', async () => {
    const cases = [
      [await anonymous.get('/api/apps', { 'x-request-id': 'my id' }), 401, 'unauthorized'],
      [await admin.get('/api/nowhere'), 404, 'not_found'],
      [await admin.send('DELETE', '/api/apps'), 405, 'method_not_allowed'],
      [await admin.send('POST', '/api/apps', '{"name":'), 400, 'validation_error'],
      [await admin.send('POST', '/api/apps', { name: { $gt: '' }, repo_path: 'x' }), 400, 'validation_error'],
      [
        await admin.send('POST', '/api/apps', 'name=x', { 'content-type': 'text/plain' }),
        415,
        'unsupported_media_type',
      ],
      [await admin.send('POST', '/api/apps', `"${'x'.repeat(10_485_760)}"`), 413, 'payload_too_large'],
      [await admin.get('/api/apps?page=0'), 400, 'validation_error'],
      [await admin.get('/api/apps?page=1&page=2'), 400, 'validation_error'],
      [await admin.get('/api/apps/%zz'), 400, 'validation_error'],
    ] as const
    for (const [answer, status, code] of cases) {
      expect(answer.status).toBe(status)
      expect(answer.body.error).toMatchObject({ code, request_id: answer.headers.get('x-request-id') })
    }
    expect(cases[0][0].headers.get('x-request-id')).toBe('my id')
    expect((await admin.send('DELETE', '/api/apps')).headers.get('allow')).toContain('POST')
  })

  test('tokens that are expired, forged or of nobody are refused', async () => {
    const user = { id: { toHexString: () => adminId }, email: 'x', name: 'x' } as never
    const secret = (text: string) => new TextEncoder().encode(text)
    const expired = await createTokens({ jwtSecret: secret(SECRET), jwtExpiryHours: -1 }).issue(user)
    const forged = await createTokens({ jwtSecret: secret(`${SECRET}!`), jwtExpiryHours: 1 }).issue(user)
    const nobody = { ...(user as object), id: { toHexString: () => 'f'.repeat(24) } } as never
    const unknown = await createTokens({ jwtSecret: secret(SECRET), jwtExpiryHours: 1 }).issue(nobody)
    for (const token of [expired, forged, unknown, 'x']) {
      const answer = await server.client(token).get('/api/apps')
      expect(answer.status).toBe(401)
      expect(answer.body.error.code).toBe('unauthorized')
    }
    expect((await anonymous.get('/api/%61pps')).status).toBe(401)
  })

  test('an unknown app looks like one of somebody else', async () => {
    for (const id of ['f'.repeat(24), 'nonsense', app.slice(-24).toUpperCase().replaceAll(/\d/g, 'A')]) {
      const answer = await admin.get(`/api/apps/${id}/members`)
      expect(answer.status).toBe(403)
    }
  })

  test('a new app has its environments, its admin and an initial commit', async () => {
    const { data } = (await admin.get(app)).body
    const environments = await mongo.db(database).collection('environments').find().sort({ position: 1 }).toArray()
    expect(environments.map(({ name }) => name)).toEqual(['Development', 'QA', 'UAT', 'Production'])
    expect(data.settings.canonical_env_id).toBe(environments[3]?._id.toHexString())
    expect((await admin.get(`${app}/members`)).body.data).toMatchObject([
      { role: 'app_admin', email: 'admin@example.com' },
    ])
    const duplicate = await admin.send('POST', '/api/apps', { name: `app-${run}`, repo_path: 'other.git' })
    expect(duplicate.status).toBe(409)
  })

  test('edits of a workspace keep each other, also in parallel', async () => {
    const space = await workspace(admin)
    const paths = Array.from({ length: 8 }, (_, index) => `config/dir/${index}.yaml`)
    const writes = await Promise.all(
      paths.map((path) => admin.send('PUT', `${space}/files`, { path, content: base64(path) })),
    )
    expect(writes.map(({ status }) => status)).toEqual(paths.map(() => 200))
    for (const path of paths) {
      const read = await admin.get(`${space}/files?path=${path}`)
      expect(read.body.data).toMatchObject({ path, content: base64(path), size: path.length })
    }
    const same = await admin.send('PUT', `${space}/files`, { path: paths[0], content: base64(paths[0] ?? '') })
    const head = (await admin.get(space)).body.data.head_sha
    expect(same.body.data.commit_sha).toBe(head)

    const directory = await admin.get(`${space}/files?path=config/dir`)
    expect(directory.body.data.entries.map(({ path }: { path: string }) => path)).toEqual(paths)
    const root = await admin.get(`${space}/files`)
    expect(root.body.data.entries).toMatchObject([{ path: 'config', type: 'dir' }, { type: 'file' }])

    expect((await admin.send('DELETE', `${space}/files`, { path: paths[0] })).status).toBe(200)
    expect((await admin.get(`${space}/files?path=${paths[0]}`)).status).toBe(404)
    expect((await admin.send('DELETE', `${space}/files`, { path: paths[0] })).status).toBe(404)
  })

  test('a large file is chunked, and one above the limit is refused', async () => {
    const space = await workspace(admin)
    const content = randomBytes(5_242_880)
    const write = await admin.send('PUT', `${space}/files`, { path: 'big.bin', content: content.toString('base64') })
    expect(write.status).toBe(200)
    const read = await admin.get(`${space}/files?path=big.bin`)
    expect(Buffer.from(read.body.data.content, 'base64').equals(content)).toBe(true)
    const larger = Buffer.concat([content, Buffer.alloc(1)]).toString('base64')
    expect((await admin.send('PUT', `${space}/files`, { path: 'bigger.bin', content: larger })).status).toBe(400)
  })

  test('paths that escape or are blocked are refused', async () => {
    const space = await workspace(admin)
    const put = async (path: string) => (await admin.send('PUT', `${space}/files`, { path, content: 'YQ==' })).status
    for (const path of [
      '../../etc/passwd',
      '..%2F..%2Fetc%2Fpasswd',
      '/etc/passwd',
      'config/../../.git/config',
      'a\0b',
    ]) {
      expect([path, await put(path)]).toEqual([path, 400])
    }
    for (const path of ['.git/config', '.GIT/config', 'a/.git/hooks/x', '.github/workflows/ci.yml', '.gitignore']) {
      expect([path, await put(path)]).toEqual([path, 403])
    }
  })

  test('a file write leaves its audit row', async () => {
    const space = await workspace(admin)
    const headers = { 'x-request-id': `audit-${run}` }
    const write = await admin.send('PUT', `${space}/files`, { path: 'audited.txt', content: base64('x') }, headers)
    const filter = `entity_type=file&entity_id=${space.slice(-24)}&action=written&actor_user_id=${adminId}`
    const audit = await admin.get(`${app}/audit?${filter}&limit=1`)
    const { commit_sha } = write.body.data
    expect(audit.body.data).toMatchObject([
      {
        git_sha: commit_sha,
        after: { path: 'audited.txt', message: 'update audited.txt', commit_sha, size: 1 },
        context: { request_id: `audit-${run}` },
      },
    ])
    expect((await admin.get(`${app}/audit?action[$gt]=`)).status).toBe(400)
  })

  test('a role counts at once, and only on its app', async () => {
    const user = await join('user')
    const { data: members } = (await admin.get(`${app}/members`)).body
    const { user_id } = members.find(({ role }: { role: string }) => role === 'user')
    const self = await user.send('PATCH', `${app}/members/self`, { role: 'app_admin' })
    expect(self.status).toBe(403)
    expect((await user.get(`${app}/audit`)).status).toBe(403)
    expect((await admin.send('PATCH', `${app}/members/${user_id}`, { role: 'app_admin' })).status).toBe(200)
    expect((await user.get(`${app}/audit`)).status).toBe(200)
    expect((await user.send('PATCH', `${app}/members/self`, { role: 'user' })).status).toBe(200)
    expect((await user.get(`${app}/audit`)).status).toBe(403)
    expect((await admin.send('PATCH', `${app}/members/self`, { role: 'user' })).status).toBe(409)
    expect((await user.get(await workspace(admin))).status).toBe(403)
  })

  test('an invite works once, and not for an account without its password', async () => {
    const email = `invited-${run}@example.com`
    const invite = (await admin.send('POST', `${app}/invites`, { email, role: 'reviewer' })).body.data
    expect((await admin.send('POST', `${app}/invites`, { email, role: 'user' })).status).toBe(409)
    const accept = (token: string, password = PASSWORD) =>
      anonymous.send('POST', '/api/auth/accept-invite', { token, name: 'N', password })
    expect((await accept(invite.token)).status).toBe(200)
    expect((await accept(invite.token)).body.error.code).toBe('invite_invalid')

    const other = await admin.send('POST', '/api/apps', { name: `second-${run}`, repo_path: `test/second-${run}.git` })
    const second = `/api/apps/${other.body.data.id}`
    const known = (await admin.send('POST', `${second}/invites`, { email, role: 'user' })).body.data
    expect((await accept(known.token, 'Wrong-password-1')).status).toBe(401)
    await mongo
      .db(database)
      .collection('invites')
      .updateOne({ token: known.token }, { $set: { expires_at: new Date(0) } })
    expect((await accept(known.token)).status).toBe(410)
    expect((await admin.send('POST', `${second}/invites/${known.id}/resend`)).status).toBe(200)
    expect((await accept(known.token)).status).toBe(200)

    const revoked = (await admin.send('POST', `${second}/invites`, { email: `r-${email}`, role: 'user' })).body.data
    expect((await admin.send('DELETE', `${second}/invites/${revoked.id}`)).status).toBe(200)
    expect((await admin.send('DELETE', `${second}/invites/${revoked.id}`)).status).toBe(404)
    expect((await accept(revoked.token)).body.error.code).toBe('invite_invalid')
  })

  test('workspaces: a default one, extra ones, and names that are refused', async () => {
    const user = await join('user')
    const create = (body: object) => user.send('POST', `${app}/workspaces`, body)
    expect((await create({})).status).toBe(201)
    expect((await create({})).status).toBe(409)
    const extra = await create({ branch_name: `feature/${run}`, title: 'T' })
    expect(extra).toMatchObject({ status: 201, body: { data: { title: 'T', is_default: false } } })
    expect((await create({ branch_name: `feature/${run}` })).status).toBe(409)
    for (const branch_name of ['../evil', '-x', 'a b', 'a;rm', 'x..y', 'main', '', 'a\nb', 'x.lock']) {
      expect((await create({ branch_name })).status).toBe(400)
    }
    const url = `${app}/workspaces/${extra.body.data.id}`
    expect((await user.send('PATCH', url, {})).body.data.title).toBe('T')
    expect((await user.send('PATCH', url, { title: null })).body.data.title).toBe(null)
  })

  test('five failed logins let the address rest, and only that one', async () => {
    const guess = (email: string) => anonymous.send('POST', '/api/auth/login', { email, password: 'Wrong-password-1' })
    const guesses = await Promise.all(Array.from({ length: 7 }, () => guess('nobody@example.com')))
    expect(guesses.map(({ status }) => status).sort()).toEqual([401, 401, 401, 401, 401, 429, 429])
    expect((await guess('somebody@example.com')).body.error.code).toBe('invalid_credentials')
  })

  test('the scrape has every metric, with route patterns as paths', async () => {
    const scrape = await anonymous.get('/api/metrics')
    const text = String(scrape.body)
    for (const name of ['http_requests_total', 'jobs_enqueued_total', 'job_queue_depth', 'gitaly_calls_total']) {
      expect(text).toContain(`# TYPE conman_${name} `)
    }
    expect(text).toMatch(
      /conman_http_request_duration_seconds_bucket\{le="0.5",method="GET",path="\/api\/apps\/:appId"\}/,
    )
    expect(text).toContain('conman_job_queue_depth{type="deploy_release"} 0')
    // What is refused counts as well, under its route, and what has none under one name.
    expect((await anonymous.get('/api/apps')).status).toBe(401)
    expect((await admin.get('/api/apps/x/none')).status).toBe(404)
    const after = String((await anonymous.get('/api/metrics')).body)
    expect(after).toMatch(/conman_http_requests_total\{method="GET",path="\/api\/apps",status="401"\} [1-9]/)
    expect(after).toMatch(/conman_http_requests_total\{method="GET",path="unknown",status="404"\} [1-9]/)
  })

  test('a job of a type without a worker fails honestly', async () => {
    const jobs = mongo.db(database).collection('jobs')
    const appId = (
      await mongo
        .db(database)
        .collection('apps')
        .findOne({ name: `app-${run}` })
    )?._id
    const long_ago = new Date(Date.now() - 60_000)
    const { insertedId } = await jobs.insertOne({
      app_id: appId,
      job_type: 'none_such',
      state: 'running',
      entity_type: 'changeset',
      entity_id: 'x',
      payload: {},
      result: null,
      error_message: null,
      retry_count: 0,
      max_retries: 3,
      timeout_ms: 1000,
      created_by: null,
      created_at: long_ago,
      started_at: long_ago,
      finished_at: null,
      updated_at: long_ago,
      locked_until: long_ago,
      locked_by: 'a worker that crashed',
      attempts: 1,
      max_attempts: 3,
    })
    const seen = async () => (await admin.get(`${app}/jobs/${insertedId.toHexString()}`)).body.data?.job
    const failed = { state: 'failed', error_message: 'no worker for jobs of type none_such' }
    await expect.poll(seen, { timeout: 10_000 }).toMatchObject(failed)
    expect((await jobs.findOne({ _id: insertedId }))?.attempts).toBe(2)
    expect((await admin.get(`${app}/jobs?state=failed`)).body.pagination.total).toBe(1)
    expect((await admin.get(`${app}/jobs?type=none`)).status).toBe(400)
  })

  test('requests are logged with their id, and nothing secret is', async () => {
    const line = () => server.logs.find(({ request_id }) => request_id === `audit-${run}`)
    await expect.poll(line).toMatchObject({
      message: 'request completed',
      method: 'PUT',
      route: '/api/apps/:appId/workspaces/:workspaceId/files',
      status: 200,
      duration_ms: expect.any(Number),
    })
    const everything = JSON.stringify(server.logs)
    const invites = await mongo.db(database).collection('invites').find().toArray()
    for (const secret of [PASSWORD, SECRET, 'eyJ', ...invites.map(({ token }) => String(token))]) {
      expect(everything).not.toContain(secret)
    }
  })

  test('limits are on when configured, with their headers', async () => {
    const limits = { ...env, CONMAN_RATE_LIMIT_USER_PER_MINUTE: '4', CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '1' }
    await using limited = await startServer(['--role', 'api'], { ...limits, CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '1' })
    const visitor = limited.client()
    const first = await visitor.send('POST', '/api/auth/login', { email: 'admin@example.com', password: PASSWORD })
    expect((await visitor.send('POST', '/api/auth/login', {})).status).toBe(429)
    const client = limited.client(first.body.data.token)
    expect((await client.get('/api/apps')).headers.get('x-ratelimit-remaining')).toBe('3')
    expect((await client.send('POST', '/api/apps', {})).status).toBe(400)
    const refused = await client.send('POST', '/api/apps', {})
    expect(refused.status).toBe(429)
    expect(refused.body.error.code).toBe('rate_limited')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await client.get('/api/apps')).status).toBe(200)
    expect((await client.get('/api/apps/x/nowhere')).status).toBe(404)
    expect((await client.get('/api/apps')).status).toBe(429)
    expect((await client.get('/api/health')).status).toBe(200)
    const text = String((await client.get('/api/metrics')).body)
    expect(text).toMatch(/conman_http_requests_total\{method="POST",path="\/api\/auth\/login",status="429"\} 1\n/)
    expect(text).toMatch(new RegExp(`conman_rate_limited_total\\{user_id="${adminId}"\\} 2\n`))
    expect(text).toContain('conman_rate_limited_total{user_id="anonymous"} 1')
  })

  test("a worker's metrics reach the API's scrape, and it ends in order on a signal", async () => {
    const worker = startWorker(env)
    await using api = await startServer(['--role', 'api'], env)
    const heartbeats = mongo.db(database).collection('job_runner_heartbeats')
    await expect.poll(() => heartbeats.countDocuments({ metrics: { $ne: null } }), { timeout: 10_000 }).toBe(1)
    expect(String((await api.client().get('/api/metrics')).body)).toContain('conman_jobs_completed_total')
    expect(await worker.stop()).toBe(0)
  })
})
