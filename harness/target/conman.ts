// Conman's routes, in one place: nothing else in the harness knows them. Sends what the real server understands, reads
// both spellings (contract: http-api, chapter 6, column 'tolerate'), and obeys the target's rate limits.

import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpAnswer, HttpClient } from './http.ts'

export type Role = 'user' | 'reviewer' | 'config_manager' | 'app_admin'

export interface Session {
  token: string
  userId: string
  email: string
}

export interface App {
  id: string
  name: string
  repoPath: string
  integrationBranch: string
}

export interface Workspace {
  id: string
  branch: string
  headSha: string
}

/** The target refused, or answered something that is not Conman's. Carries what came back. */
export class ConmanError extends Error {
  readonly status: number
  readonly code: string | undefined
  constructor(what: string, answer: HttpAnswer) {
    const error = errorOf(answer)
    const said =
      answer.status === 0
        ? `no answer (${answer.failure})`
        : `HTTP ${answer.status}${error.code ? ` ${error.code}` : ''}${error.message ? `: ${error.message.slice(0, 200)}` : ''}`
    super(`${what}: ${said}`)
    this.name = 'ConmanError'
    this.status = answer.status
    this.code = error.code
  }
}

/** How long a paced client waits on 429 in all before it gives up: one window of the longest specified limit and a bit. */
const RATE_LIMIT_WAIT_MS_MAX = 130_000

export class Conman {
  readonly http: HttpClient
  readonly #onWait: (seconds: number) => void

  constructor(http: HttpClient, onWait: (seconds: number) => void = () => {}) {
    this.http = http
    this.#onWait = onWait
  }

  async health(): Promise<HttpAnswer> {
    return this.http.request('GET', '/api/health')
  }

  async login(email: string, password: string): Promise<Session> {
    const answer = await this.#paced('POST', '/api/auth/login', { body: { email, password } })
    return sessionOf(answer, `logging in as ${email}`)
  }

  /** Apps that the caller is a member of, all pages. */
  async listApps(token: string): Promise<App[]> {
    return (await this.#allPages(token, '/api/apps', 'listing apps')).map(appOf)
  }

  async createApp(token: string, app: { name: string; repoPath: string; integrationBranch?: string }): Promise<App> {
    const answer = await this.#paced('POST', '/api/apps', {
      token,
      body: { name: app.name, repo_path: app.repoPath, integration_branch: app.integrationBranch ?? 'main' },
    })
    return appOf(dataOf(answer, `creating app ${app.name}`))
  }

  async listMembers(token: string, appId: string): Promise<{ userId: string; email: string | null; role: string }[]> {
    const rows = await this.#allPages(token, `/api/apps/${appId}/members`, 'listing members')
    return rows.map((row) => ({
      userId: text(row, 'user_id'),
      email: typeof row.email === 'string' ? row.email : null,
      role: text(row, 'role'),
    }))
  }

  /** Invites and accepts at once, which is how a person joins: the answer is a session of the new member. */
  async join(
    adminToken: string,
    appId: string,
    person: { email: string; name: string; password: string; role: Role },
  ): Promise<Session> {
    const invite = await this.#paced('POST', `/api/apps/${appId}/invites`, {
      token: adminToken,
      body: { email: person.email, role: person.role },
    })
    const token = text(dataOf(invite, `inviting ${person.email}`), 'token')
    const accepted = await this.#paced('POST', '/api/auth/accept-invite', {
      body: { token, name: person.name, password: person.password },
    })
    return sessionOf(accepted, `accepting the invite of ${person.email}`)
  }

  /** The caller's default workspace; Conman makes it on the first listing. */
  async defaultWorkspace(token: string, appId: string): Promise<Workspace> {
    const rows = await this.#allPages(token, `/api/apps/${appId}/workspaces`, 'listing workspaces')
    const row = rows.find((candidate) => candidate.is_default === true) ?? rows[0]
    if (!row) throw new Error('listing workspaces: the caller has none, and the target made none')
    return workspaceOf(row)
  }

  /** A draft release of these queued changesets, in this order; its id. */
  async createRelease(token: string, appId: string, changesetIds: readonly string[]): Promise<string> {
    const created = await this.#paced('POST', `/api/apps/${appId}/releases`, { token, body: {} })
    const id = text(dataOf(created, 'creating a release'), 'id')
    const selected = await this.#paced('POST', `/api/apps/${appId}/releases/${id}/changesets`, {
      token,
      body: { changeset_ids: changesetIds },
    })
    dataOf(selected, 'selecting the changesets of a release')
    return id
  }

  /** Starts the assembling; the id of its job. */
  async assembleRelease(token: string, appId: string, releaseId: string): Promise<string> {
    const answer = await this.#paced('POST', `/api/apps/${appId}/releases/${releaseId}/assemble`, { token, body: {} })
    const job = recordOf(dataOf(answer, 'assembling a release').job)
    if (!job) throw new ConmanError('assembling a release: no job came back', answer)
    return text(job, 'id')
  }

  async publishRelease(token: string, appId: string, releaseId: string): Promise<void> {
    const answer = await this.#paced('POST', `/api/apps/${appId}/releases/${releaseId}/publish`, { token, body: {} })
    dataOf(answer, 'publishing a release')
  }

  async jobState(token: string, appId: string, jobId: string): Promise<string> {
    const answer = await this.#paced('GET', `/api/apps/${appId}/jobs/${jobId}`, { token })
    return text(recordOf(dataOf(answer, 'reading a job').job) ?? {}, 'state')
  }

  /** How many jobs of a type are in a state, by a target that filters. */
  async countJobs(token: string, appId: string, filter: { type: string; state: string }): Promise<number> {
    const answer = await this.#paced('GET', `/api/apps/${appId}/jobs?limit=1&${new URLSearchParams(filter)}`, { token })
    dataOf(answer, 'counting jobs')
    return Number(recordOf(recordOf(answer.json)?.pagination)?.total)
  }

  /** A file's bytes by a workspace, or why not. Both spellings of the path's place in the answer are read. */
  async readFile(
    token: string,
    appId: string,
    workspaceId: string,
    path: string,
  ): Promise<{ status: number; bytes: Buffer | null; failure?: string }> {
    const answer = await this.#paced(
      'GET',
      `/api/apps/${appId}/workspaces/${workspaceId}/files?path=${encodeURIComponent(path)}`,
      { token },
    )
    const data = recordOf(recordOf(answer.json)?.data)
    const content = data?.content
    return {
      status: answer.status,
      bytes: answer.status === 200 && typeof content === 'string' ? Buffer.from(content, 'base64') : null,
      ...(answer.failure ? { failure: answer.failure } : {}),
    }
  }

  /** The audit log by its route (E11), newest first; null when the target has none. */
  async auditEvents(
    token: string,
    appId: string,
    filter: Record<string, string>,
  ): Promise<Record<string, unknown>[] | null> {
    const query = new URLSearchParams(filter)
    const first = await this.#paced('GET', `/api/apps/${appId}/audit?limit=1&${query}`, { token })
    if (first.status === 404 || first.status === 405) return null
    return this.#allPages(token, `/api/apps/${appId}/audit?${query}`, 'reading the audit log')
  }

  async #allPages(token: string, path: string, what: string): Promise<Record<string, unknown>[]> {
    const rows: Record<string, unknown>[] = []
    for (let page = 1; ; page += 1) {
      const joint = path.includes('?') ? '&' : '?'
      const answer = await this.#paced('GET', `${path}${joint}page=${page}&limit=100`, { token })
      const data = dataOf<unknown>(answer, what)
      if (!Array.isArray(data)) throw new ConmanError(`${what}: no list came back`, answer)
      rows.push(...data.map((row) => recordOf(row) ?? {}))
      const pagination = recordOf(recordOf(answer.json)?.pagination)
      const total = pagination?.total
      if (typeof total !== 'number' || rows.length >= total || data.length === 0) return rows
    }
  }

  /** A request that waits where the target says 429: limits are obeyed, not fought. */
  async #paced(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options: { token?: string; body?: unknown } = {},
  ): Promise<HttpAnswer> {
    let waited_ms = 0
    for (;;) {
      const answer = await this.http.request(method, path, options)
      if (answer.status !== 429 || waited_ms >= RATE_LIMIT_WAIT_MS_MAX) return answer
      const wait_ms = retryAfterMs(answer)
      this.#onWait(Math.ceil(wait_ms / 1_000))
      waited_ms += wait_ms
      await delay(wait_ms)
    }
  }
}

/** Retry-After in seconds, else the window's end in X-RateLimit-Reset, else a second. Bounded: the header is the target's. */
function retryAfterMs(answer: HttpAnswer): number {
  const retryAfter = Number(answer.headers['retry-after'])
  if (Number.isFinite(retryAfter) && retryAfter > 0) return Math.min(retryAfter * 1_000, 65_000)
  const reset = Number(answer.headers['x-ratelimit-reset'])
  if (Number.isFinite(reset) && reset > 0) return Math.min(Math.max(reset * 1_000 - Date.now(), 500), 65_000)
  return 1_000
}

function dataOf<T = Record<string, unknown>>(answer: HttpAnswer, what: string): T {
  const data = recordOf(answer.json)?.data
  if (answer.status < 200 || answer.status > 299 || data === undefined || data === null)
    throw new ConmanError(what, answer)
  return data as T
}

function sessionOf(answer: HttpAnswer, what: string): Session {
  const data = dataOf(answer, what)
  const user = recordOf(data.user)
  const token = data.token
  if (typeof token !== 'string' || !user) throw new ConmanError(`${what}: no session came back`, answer)
  return { token, userId: text(user, 'id'), email: text(user, 'email') }
}

function appOf(row: Record<string, unknown>): App {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    repoPath: text(row, 'repo_path'),
    integrationBranch: text(row, 'integration_branch'),
  }
}

function workspaceOf(row: Record<string, unknown>): Workspace {
  return { id: text(row, 'id'), branch: text(row, 'branch_name'), headSha: text(row, 'head_sha') }
}

/** A member of an answer that the contract says is text. */
function text(row: Record<string, unknown>, key: string): string {
  const value = row[key]
  if (typeof value !== 'string') throw new Error(`the target's answer has no text '${key}'`)
  return value
}

export function recordOf(value: unknown): Record<string, unknown> | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function errorOf(answer: HttpAnswer): { code?: string; message?: string } {
  const error = recordOf(recordOf(answer.json)?.error)
  return {
    ...(typeof error?.code === 'string' ? { code: error.code } : {}),
    message: typeof error?.message === 'string' ? error.message : answer.text.slice(0, 120).replace(/\s+/g, ' '),
  }
}

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
