/**
 * A server with people, an app and a repository, for the tests of one file: all of it real, in a database of its own.
 *
 * READINESS_TEST_MONGO_URI (a replica set), READINESS_TEST_GIT_ADDRESS and READINESS_TEST_GIT_STORAGE say where the parts are.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Db, MongoClient, ObjectId } from 'mongodb'
import { expect } from 'vitest'
import type { Role } from '../roles.ts'
import { type Answer, type Client, runCommand, type ServerProcess, startServer } from './server-process.ts'

export const PASSWORD = 'Passw0rd-123456'
export const JWT_SECRET = 'a secret of the tests, long enough'
export const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Cheap hashes, short waits and no limits: what is tested here is neither. */
function environment(database: string, outboxFile: string): Record<string, string> {
  return {
    CONMAN_MONGO_URI: process.env.READINESS_TEST_MONGO_URI ?? '',
    CONMAN_MONGO_DB: database,
    CONMAN_GITALY_ADDRESS: process.env.READINESS_TEST_GIT_ADDRESS ?? '',
    CONMAN_JWT_SECRET: JWT_SECRET,
    CONMAN_SECRETS_MASTER_KEY: 'the master key of the tests',
    CONMAN_TEMP_URL_DOMAIN: 'example.test',
    CONMAN_OUTBOX_FILE: outboxFile,
    CONMAN_ARGON2_M: '8',
    CONMAN_ARGON2_T: '1',
    CONMAN_RATE_LIMIT_USER_PER_MINUTE: '0',
    CONMAN_RATE_LIMIT_WRITE_PER_MINUTE: '0',
    CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '0',
    CONMAN_JOB_POLL_INTERVAL_MS: '40',
    CONMAN_JOB_RETRY_WAIT: '20ms',
    CONMAN_SWEEP_INTERVAL: '200ms',
    CONMAN_TEMP_ENV_SCAN_SECONDS: '1',
  }
}

export interface Person extends Client {
  id: string
  email: string
  token: string
}

export interface Mail {
  recipient_email: string
  event_type: string
  subject: string
  body: string
}

export interface World extends AsyncDisposable {
  readonly run: string
  readonly env: Record<string, string>
  readonly server: ServerProcess
  readonly db: Db
  readonly anonymous: Client
  /** The app's creator. */
  readonly admin: Person
  /** `/api/apps/<id>` */
  readonly app: string
  readonly appId: string
  /** The one person with this role; `outsider` is signed in and no member. */
  person(role: Role | 'outsider'): Promise<Person>
  /** One more person with this role. */
  another(role: Role | 'outsider'): Promise<Person>
  /** Another app of the admin's, as `/api/apps/<id>`. */
  anotherApp(): Promise<string>
  /** A new workspace, as `/api/apps/<id>/workspaces/<id>`. */
  workspace(owner: Person): Promise<string>
  edit(owner: Person, workspace: string, path: string, content: string): Promise<string>
  /** A changeset with one edit, brought as far as wanted; its URL. */
  changeset(author: Person, wanted: 'draft' | 'submitted' | 'approved' | 'queued', edit?: Edit): Promise<string>
  /** Waits until a job has ended, and answers it. */
  job(id: string): Promise<Answer['body']>
  /** Runs git on the app's repository. */
  git(...args: string[]): string
  /** The mails that were delivered. */
  mails(): Mail[]
}

export interface Edit {
  path?: string
  content?: string
  title?: string
}

/** Whether the parts are there; without them the tests that need a world are skipped. */
export const HAS_PARTS =
  process.env.READINESS_TEST_MONGO_URI !== undefined && process.env.READINESS_TEST_GIT_ADDRESS !== undefined

/** Waits until something holds; unlike `expect.poll` also before the first test. */
export async function until(holds: () => Promise<boolean>, what: string, limitMs = 30_000): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await sleep(20)
  }
}

export const idOf = (url: string) => url.slice(-24)

export async function createWorld(options: { env?: Record<string, string>; args?: string[] } = {}): Promise<World> {
  const run = randomBytes(4).toString('hex')
  const database = `conman_test_${run}`
  const folder = mkdtempSync(join(tmpdir(), 'conman-test-'))
  const outboxFile = join(folder, 'outbox.jsonl')
  const env = { ...environment(database, outboxFile), ...options.env }
  const mongo = await new MongoClient(env.CONMAN_MONGO_URI ?? '').connect()
  const db = mongo.db(database)
  const people = new Map<string, Promise<Person>>()
  let count = 0

  const created = await runCommand(['bootstrap-admin', 'admin@example.com', 'Admin', PASSWORD], env)
  expect(created).toMatchObject({ code: 0, stderr: '' })
  const server = await startServer(options.args ?? [], env)
  const anonymous = server.client()

  async function login(email: string): Promise<Person> {
    const answer = await anonymous.send('POST', '/api/auth/login', { email, password: PASSWORD })
    expect(answer.status).toBe(200)
    const { token, user } = answer.body.data
    return { ...server.client(token), id: user.id, email, token }
  }

  const admin = await login('admin@example.com')
  const repository = `test/${run}.git`
  const made = await admin.send('POST', '/api/apps', { name: `app-${run}`, repo_path: repository })
  expect(made.status).toBe(201)
  const appId: string = made.body.data.id
  const app = `/api/apps/${appId}`

  async function another(role: Role | 'outsider'): Promise<Person> {
    const email = `${role.replace('_', '-')}-${++count}@example.com`
    if (role === 'outsider') {
      expect((await runCommand(['bootstrap-admin', email, role, PASSWORD], env)).code).toBe(0)
      return login(email)
    }
    const invite = await admin.send('POST', `${app}/invites`, { email, role })
    const body = { token: invite.body.data.token, name: role, password: PASSWORD }
    const accepted = await anonymous.send('POST', '/api/auth/accept-invite', body)
    expect(accepted.status).toBe(200)
    const { token, user } = accepted.body.data
    return { ...server.client(token), id: user.id, email, token }
  }

  const world: World = {
    run,
    env,
    server,
    db,
    anonymous,
    admin,
    app,
    appId,
    another,
    person(role) {
      const known = people.get(role) ?? another(role)
      people.set(role, known)
      return known
    },
    async anotherApp() {
      const name = `other-${run}-${++count}`
      const answer = await admin.send('POST', '/api/apps', { name, repo_path: `test/${name}.git` })
      expect(answer.status).toBe(201)
      return `/api/apps/${answer.body.data.id}`
    },
    async workspace(owner) {
      const answer = await owner.send('POST', `${app}/workspaces`, { branch_name: `feature/${run}-${++count}` })
      expect(answer.status).toBe(201)
      return `${app}/workspaces/${answer.body.data.id}`
    },
    async edit(owner, workspace, path, content) {
      const answer = await owner.send('PUT', `${workspace}/files`, { path, content: base64(content) })
      expect(answer.status).toBe(200)
      return answer.body.data.commit_sha
    },
    async changeset(author, wanted, { path = `config/${++count}.yaml`, content = `value: ${count}\n`, title } = {}) {
      const workspace = await world.workspace(author)
      await world.edit(author, workspace, path, content)
      const begun = { workspace_id: idOf(workspace), title: title ?? `Change ${path}` }
      const draft = await author.send('POST', `${app}/changesets`, begun)
      expect(draft.status).toBe(201)
      const url = `${app}/changesets/${draft.body.data.id}`
      if (wanted === 'draft') return url
      const submitted = await author.send('POST', `${url}/submit`, {})
      expect(submitted.status).toBe(200)
      if (wanted === 'submitted') return url
      expect(await world.job(submitted.body.data.job.id)).toMatchObject({ state: 'succeeded' })
      const reviewer = await world.person('reviewer')
      expect((await reviewer.send('POST', `${url}/review`, { action: 'approve' })).body.data.state).toBe('approved')
      if (wanted === 'approved') return url
      const manager = await world.person('config_manager')
      expect((await manager.send('POST', `${url}/queue`)).body.data.state).toBe('queued')
      return url
    },
    async job(id) {
      const jobs = db.collection('jobs')
      const ended = async () => (await jobs.findOne({ _id: new ObjectId(id) }))?.finished_at instanceof Date
      await until(ended, `job ${id} has ended`)
      // A detail may be read from a member that is a moment behind.
      let seen: Answer['body']
      const look = async () => {
        seen = (await admin.get(`${app}/jobs/${id}`)).body.data.job
        return seen.finished_at !== null
      }
      await until(look, `the end of job ${id} is seen`)
      return seen
    },
    git: (...args) => {
      const directory = join(process.env.READINESS_TEST_GIT_STORAGE ?? '', repository)
      return execFileSync('git', ['--git-dir', directory, ...args], { stdio: 'pipe' }).toString()
    },
    mails() {
      try {
        const lines = readFileSync(outboxFile, 'utf8').split('\n')
        return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Mail)
      } catch {
        return []
      }
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await db.dropDatabase()
      await mongo.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}
